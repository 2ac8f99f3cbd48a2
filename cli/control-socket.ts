import { createHash } from 'node:crypto'
import { unlink } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { SetupError } from '../runtime/errors.ts'

/**
 * How other shells reach a running `up`: a unix socket in its home folder, one JSON line each way.
 * Holding the socket is also what makes a second `up` on one home impossible.
 */
export interface ControlRequest {
  command: 'status' | 'stop' | 'start'
  /** A kind of child; absent: all. */
  target?: string
}

export interface ChildStatus {
  name: string
  kind: string
  state: 'starting' | 'running' | 'stopping' | 'stopped' | 'waiting to restart'
  pid: number | null
  restarts: number
  upSinceMs: number | null
}

export type ControlReply = { ok: true; children: ChildStatus[] } | { ok: false; message: string }

/** @throws SetupError when another `up` runs on this home */
export async function listenForControl(
  home: string,
  handle: (request: ControlRequest) => Promise<ControlReply>,
): Promise<{ close(): void }> {
  const path = socketPath(home)
  if (await isAlive(path))
    throw new SetupError(
      `dataflow already runs on ${resolve(home)}: \`npx dataflow stop\` ends it, or set DATAFLOW_HOME to another folder`,
    )
  await unlink(path).catch(() => {}) // left over from a killed `up`, or not there
  const server = createServer((socket) => {
    createInterface({ input: socket }).on('line', (line) => void answer(socket, line, handle))
    socket.on('error', () => {}) // the asker went away; nobody is left to tell
  })
  await new Promise<void>((done, fail) => server.once('error', fail).listen(path, done))
  return { close: () => void server.close() }
}

/** @returns null when no `up` runs on this home */
export function askControl(home: string, request: ControlRequest): Promise<ControlReply | null> {
  return new Promise((done, fail) => {
    const socket = createConnection(socketPath(home))
    socket.once('error', () => done(null))
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`))
    createInterface({ input: socket })
      .on('error', () => {}) // told by the socket's own error
      .once('line', (line) => {
        socket.destroy()
        done(JSON.parse(line) as ControlReply) // written by our own `answer` below
      })
      .once('close', () => fail(new SetupError('dataflow ended before it answered: see its terminal')))
  })
}

async function answer(
  socket: Socket,
  line: string,
  handle: (request: ControlRequest) => Promise<ControlReply>,
): Promise<void> {
  const reply = await handle(JSON.parse(line) as ControlRequest).catch(
    (error: unknown): ControlReply => ({ ok: false, message: String(error) }),
  )
  socket.end(`${JSON.stringify(reply)}\n`)
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = createConnection(path)
    socket.once('connect', () => done(true)).once('error', () => done(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** The system limits such a path to about 100 bytes; a deeper home gets one in the temporary folder, named by its hash. */
function socketPath(home: string): string {
  const path = join(resolve(home), 'up.sock')
  if (Buffer.byteLength(path) < 100) return path
  return join(tmpdir(), `dataflow-${createHash('sha256').update(path).digest('hex').slice(0, 16)}.sock`)
}
