import { createHash } from 'node:crypto'
import { readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SetupError } from '../../../runtime/errors.ts'
import { errorCode, readFileIfThere } from './durable-files.ts'

/**
 * One process per directory: two that append to the same files would destroy both logs.
 * The lock is a listening socket, which the system frees however its holder dies. On Linux its name is abstract, so no
 * file is left behind, but it reaches only as far as the network namespace; hence also a file that names the holder.
 * Two containers on one volume can tell each other by neither: that remains a mistake of the operator.
 */
export interface DirectoryLock {
  release(): Promise<void>
}

interface Holder {
  pid: number
  /** Together they tell a living holder from a number that was given to another process since. */
  bootId: string
  startTicks: string
  /** A copied directory must not be taken for the one its lock file was written in. */
  directory: string
}

/** @throws {SetupError} when another process, or this one, holds the directory */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  const path = await realpath(dir)
  const { dev, ino } = await stat(path)
  const directory = `${path}:${dev}:${ino}`
  const server = await listen(socketName(directory)).catch((error: unknown) => {
    if (errorCode(error) === 'EADDRINUSE') throw inUse(path, '')
    throw error
  })
  const file = join(path, '.lock')
  const self: Holder = { pid: process.pid, ...(await identityOf(process.pid)), directory }
  const holder = parseHolder(await readFileIfThere(file))
  if (holder && holder.directory === directory && holder.pid !== process.pid && (await isAlive(holder))) {
    await close(server)
    throw inUse(path, ` (pid ${holder.pid})`)
  }
  await writeFile(file, JSON.stringify(self))
  return {
    async release() {
      await rm(file, { force: true })
      await close(server)
    },
  }
}

function inUse(path: string, who: string): SetupError {
  return new SetupError(
    `${path} is in use by another broker${who}; stop that one, or give this one a directory of its own`,
  )
}

function socketName(directory: string): string {
  const name = `dataflow-${createHash('sha1').update(directory).digest('hex')}`
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
}

async function listen(name: string): Promise<Server> {
  try {
    return await tryListen(name)
  } catch (error) {
    const isFile = !name.startsWith('\0') && process.platform !== 'win32'
    if (errorCode(error) !== 'EADDRINUSE' || !isFile || (await answers(name))) throw error
    await rm(name, { force: true }) // its holder was killed
    return tryListen(name)
  }
}

function tryListen(name: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(name, () => resolve(server.unref()))
  })
}

function answers(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(name, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

function parseHolder(bytes: Buffer | null): Holder | null {
  try {
    const value: unknown = JSON.parse(bytes?.toString() ?? 'null')
    if (typeof value !== 'object' || value === null) return null
    const { pid, bootId, startTicks, directory } = value as Record<string, unknown>
    const isHolder = typeof pid === 'number' && typeof bootId === 'string' && typeof startTicks === 'string'
    return isHolder && typeof directory === 'string' ? { pid, bootId, startTicks, directory } : null
  } catch {
    return null // half written by a crash: the socket has told already
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  const { bootId, startTicks } = await identityOf(holder.pid)
  return startTicks !== '' && bootId === holder.bootId && startTicks === holder.startTicks
}

/** Empty texts where the system does not tell (not Linux), or no such process lives: the socket then is all there is. */
async function identityOf(pid: number): Promise<{ bootId: string; startTicks: string }> {
  const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')
  const status = await read(`/proc/${pid}/stat`)
  // The second field is the command in brackets and may hold spaces; the 22nd, counted after it, is the start time.
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
  // A killed process that nobody has waited for keeps its number and holds nothing.
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X'
  const startTicks = hasEnded ? '' : (fields[19] ?? '')
  return { bootId: (await read('/proc/sys/kernel/random/boot_id')).trim(), startTicks }
}
