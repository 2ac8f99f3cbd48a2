import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The compiled product, run as a user runs it: own home, own ports, real processes, real signals. */
const main = resolve(import.meta.dirname, '../../dist/cli/main.js')

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Finished>
  /** Both streams so far. */
  output(): string
}

export interface Product {
  readonly home: string
  readonly url: string
  readonly brokers: string
  /** Starts a command and leaves it running. */
  spawn(args: readonly string[], input?: string): Running
  /** Runs a command to its end. */
  run(args: readonly string[], input?: string): Promise<Finished>
  getJson(path: string): Promise<{ status: number; body: Record<string, unknown> }>
  /** Total per event type, as the API tells it; empty while it does not answer. */
  totals(): Promise<Record<string, number>>
  status(): Promise<Status>
  /** Kills whatever still runs and removes the home. */
  close(): Promise<void>
}

export interface Status {
  children: { name: string; kind: string; pid: number | null; state: string }[]
  dead_letters: number | null
  lag_records: number | null
}

export async function createProduct(env: Record<string, string> = {}): Promise<Product> {
  if (!existsSync(main)) throw new Error('these tests run the compiled product: `npm run build` first')
  const home = await mkdtemp(join(tmpdir(), 'dataflow-test-'))
  const [port, brokerPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const settings = {
    DATAFLOW_HOME: home,
    PORT: String(port),
    DATAFLOW_BROKER_PORT: String(brokerPort),
    ...env,
  }
  const running = new Set<Running>()

  const start = (args: readonly string[], input?: string): Running => {
    const child = spawn(process.execPath, [main, ...args], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
      cwd: home,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    child.stdin.on('error', () => {}) // a command that fails early does not read its input
    child.stdin.end(input ?? '')
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const ended = new Promise<Finished>((done) =>
      child.once('close', (code) => done({ code, stdout, stderr })),
    )
    const handle: Running = { child, ended, output: () => stdout + stderr }
    running.add(handle)
    void ended.then(() => running.delete(handle))
    return handle
  }

  const getJson: Product['getJson'] = async (path) => {
    const answer = await fetch(url + path)
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  return {
    home,
    url,
    brokers: `127.0.0.1:${brokerPort}`,
    spawn: start,
    run: (args, input) => start(args, input).ended,
    getJson,
    async totals() {
      const answer = await getJson('/analytics/types').catch(() => null)
      const types = (answer?.body.types ?? []) as { event_type: string; total_events: number }[]
      return Object.fromEntries(types.map((type) => [type.event_type, type.total_events]))
    },
    async status() {
      const { stdout, stderr } = await start(['status', '--json']).ended
      try {
        return JSON.parse(stdout) as Status
      } catch {
        throw new Error(`status printed no JSON: ${stdout}${stderr}`)
      }
    },
    async close() {
      for (const { child } of running) child.kill('SIGKILL')
      await Promise.all([...running].map(({ ended }) => ended))
      // Children of a killed `up` end by themselves when their channel to it closes; give them that moment.
      await eventually(
        () =>
          rm(home, { recursive: true, force: true }).then(
            () => true,
            () => false,
          ),
        10_000,
      )
    },
  }
}

/** Waits until the condition holds. @throws after `withinMs`, with what was seen last */
export async function eventually<T>(
  probe: () => Promise<T>,
  withinMs = 60_000,
  holds: (seen: T) => boolean = Boolean,
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const seen = await probe()
    if (holds(seen)) return seen
    if (Date.now() > deadline)
      throw new Error(`not within ${withinMs} ms; last seen: ${JSON.stringify(seen)}`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

export function sumOf(totals: Record<string, number>): number {
  return Object.values(totals).reduce((sum, total) => sum + total, 0)
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail).listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
