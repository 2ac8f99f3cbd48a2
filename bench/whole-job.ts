import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { printFigures, printHeading, repeat } from './harness.ts'

/**
 * The whole job as a user runs it: generated NDJSON in a folder, `dataflow up`, and the clock stops when the API gives
 * the right total. Events travel replay -> broker -> processor -> table -> API in separate processes on one machine.
 *   node dist/bench/whole-job.js [--events 2000000] [--runs 3]
 */
const { values } = parseArgs({
  options: { events: { type: 'string', default: '2000000' }, runs: { type: 'string', default: '3' } },
})
const events = Number(values.events)
const main = fileURLToPath(new URL('../cli/main.js', import.meta.url))
const types = [
  'click',
  'view',
  'view',
  'view',
  'click',
  'search',
  'add_to_cart',
  'purchase',
  'login',
  'error',
]

interface Run {
  seconds: number
  firstSeconds: number
  peakMb: Map<string, number>
}

const source = await mkdtemp(join(tmpdir(), 'dataflow-bench-'))
try {
  printHeading(`whole job: ${events.toLocaleString('en-US')} events from NDJSON files to the API`)
  await writeEvents(join(source, 'events.ndjson'), events)
  const runs = await repeat(Number(values.runs), runOnce)
  const kinds = [...(runs[0]?.peakMb.keys() ?? [])]
  printFigures([
    { name: 'events per second', unit: 'events/s', values: runs.map((run) => events / run.seconds) },
    { name: 'start to all counted', unit: 's', values: runs.map((run) => run.seconds) },
    { name: 'start to first number', unit: 's', values: runs.map((run) => run.firstSeconds) },
    ...kinds.map((kind) => ({
      name: `peak memory of ${kind}`,
      unit: 'MB',
      values: runs.map((run) => run.peakMb.get(kind) ?? 0),
    })),
  ])
} finally {
  await rm(source, { recursive: true, force: true })
}

async function runOnce(): Promise<Run> {
  const home = await mkdtemp(join(tmpdir(), 'dataflow-bench-home-'))
  const [port, brokerPort] = [await freePort(), await freePort()]
  const began = performance.now()
  const up = spawn(
    process.execPath,
    [
      main,
      'up',
      '--dataflow-home',
      home,
      '--port',
      String(port),
      '--dataflow-broker-port',
      String(brokerPort),
      '--raw-url',
      `file:${source}`,
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let complaint = ''
  up.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-4_000)
  })
  const seconds = () => (performance.now() - began) / 1000
  const peakMb = new Map<string, number>()
  let firstSeconds = 0
  try {
    for (let total = 0; total < events; ) {
      await new Promise((done) => setTimeout(done, 50))
      if (up.exitCode !== null) throw new Error(`dataflow ended with ${up.exitCode}: ${complaint}`)
      total = await countedSoFar(port)
      if (total > events) throw new Error(`${total} counted, only ${events} exist`)
      if (total > 0 && firstSeconds === 0) firstSeconds = seconds()
      notePeaks(up, peakMb)
    }
    return { seconds: seconds(), firstSeconds, peakMb }
  } finally {
    up.kill('SIGINT')
    if (up.exitCode === null) await once(up, 'exit')
    await rm(home, { recursive: true, force: true })
  }
}

async function countedSoFar(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/analytics/types`).catch(() => null)
  if (!answer?.ok) return 0
  const { types: rows } = (await answer.json()) as { types: { total_events: number }[] } // our own API's answer
  return rows.reduce((sum, row) => sum + row.total_events, 0)
}

/** The kernel's own high-water mark of each child's resident memory; Linux only. */
function notePeaks(up: ChildProcess, peakMb: Map<string, number>): void {
  try {
    const children = readFileSync(`/proc/${up.pid}/task/${up.pid}/children`, 'utf8').trim().split(' ')
    for (const pid of children) {
      const [, kb] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
      const kind = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[2] ?? '?'
      peakMb.set(kind, Math.max(peakMb.get(kind) ?? 0, Number(kb) / 1024))
    }
  } catch {
    // No /proc here, or a child ended between the two reads: the figure is then from the other samples.
  }
}

async function writeEvents(path: string, count: number): Promise<void> {
  await mkdir(source, { recursive: true })
  const file = createWriteStream(path)
  let block = ''
  for (let line = 0; line < count; line++) {
    const type = types[line % types.length]
    const timestamp = new Date(Date.UTC(2026, 0, 1) + line * 20 - (line % 13) * 997).toISOString()
    block += `{"event_type":"${type}","timestamp":"${timestamp}","user_id":"user-${(line * 7919) % 50_000}","value":${(line % 1000) / 10},"properties":{"country":"DE","device":"mobile","page":"/p/${line % 300}"}}\n`
    if (block.length > 1_000_000) {
      if (!file.write(block)) await once(file, 'drain')
      block = ''
    }
  }
  file.end(block)
  await once(file, 'finish')
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.once('error', fail).listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
