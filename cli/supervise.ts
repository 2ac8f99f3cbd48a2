import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ChildReport } from '../runtime/lifecycle.ts'
import { exitCodes } from './command-line.ts'
import type { ChildStatus } from './control-socket.ts'

/**
 * Runs one command as a child process and keeps it running: an unexpected end is followed by a restart after a growing
 * wait; a setup error (exit code 2) is not, since only a person can mend it. Its stderr goes to a log file, and its
 * warnings and errors to `onTrouble` as well.
 */
export interface ChildOptions {
  name: string
  kind: string
  /** The compiled entry point and its arguments. */
  args: readonly string[]
  /** Asked at each start: the broker's port may only be known after its first. */
  env(): Record<string, string | undefined>
  logFolder: string
  /** A process was started; it is told each time. */
  onStarted(pid: number): void
  onReport(report: ChildReport): void
  onTrouble(line: string): void
  /** It ended with a setup error and will not be started again. */
  onGaveUp(): void
}

export interface Child {
  readonly kind: string
  status(): ChildStatus
  start(): void
  /** Resolves when the process has ended; kills it after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

const maxRestartWaitMs = 5_000
const maxLogBytes = 10_000_000

export function superviseChild(options: ChildOptions): Child {
  const { name, kind } = options
  let state: ChildStatus['state'] = 'stopped'
  let child: ChildProcess | null = null
  let restarts = 0
  let upSinceMs: number | null = null
  let restartTimer: NodeJS.Timeout | undefined
  let onEnd: () => void = () => {}

  const onReady = (): void => {
    upSinceMs = Date.now()
    // Told to stop before it could listen, it has not heard.
    if (state === 'stopping') child?.send('stop', () => {})
    else state = 'running'
  }

  const start = (): void => {
    clearTimeout(restartTimer)
    state = 'starting'
    const startedMs = Date.now()
    const log = openLog(options.logFolder, name)
    child = spawn(process.execPath, [...options.args], {
      env: options.env(),
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      serialization: 'json',
    })
    if (child.pid !== undefined) options.onStarted(child.pid)
    if (child.stderr)
      createInterface({ input: child.stderr }).on('line', (line) => {
        log.write(`${line}\n`)
        const trouble = troubleOf(line)
        if (trouble) options.onTrouble(trouble)
      })
    child.on('message', (message) => {
      const report = message as ChildReport // our own children speak only this
      if (report.kind === 'ready') onReady()
      options.onReport(report)
    })
    child.once('exit', (code, signal) => {
      log.end()
      child = null
      upSinceMs = null
      if (state === 'stopping') {
        state = 'stopped'
        return onEnd()
      }
      state = 'stopped'
      if (code === exitCodes.setup) return options.onGaveUp()
      // A child that had lived for a while starts again at once; one that keeps dying waits longer each time.
      restarts = Date.now() - startedMs > 30_000 ? 1 : restarts + 1
      const waitMs = Math.min(maxRestartWaitMs, 100 * 2 ** (restarts - 1))
      options.onTrouble(`ended (${signal ?? `exit code ${code}`}), starting again in ${waitMs} ms`)
      state = 'waiting to restart'
      restartTimer = setTimeout(start, waitMs)
    })
  }

  const stop = async (graceMs: number): Promise<void> => {
    clearTimeout(restartTimer)
    const running = child
    if (!running) {
      state = 'stopped'
      return
    }
    state = 'stopping'
    const ended = new Promise<void>((done) => {
      onEnd = done
    })
    if (running.connected) running.send('stop', () => {})
    const killTimer = setTimeout(() => {
      options.onTrouble(`did not stop within ${graceMs} ms, killing it`)
      running.kill('SIGKILL')
    }, graceMs)
    await ended
    clearTimeout(killTimer)
  }

  return {
    kind,
    start,
    stop,
    status: () => ({ name, kind, state, pid: child?.pid ?? null, restarts, upSinceMs }),
  }
}

/** A warning or error line of a child's JSON log in short; other output (a crash) as it is; null for the rest. */
function troubleOf(line: string): string | null {
  try {
    const { level, message, error, ...fields } = JSON.parse(line) as Record<string, unknown>
    if (level !== 'warn' && level !== 'error') return null
    delete fields.time
    delete fields.part
    const reason = (error as { message?: unknown } | undefined)?.message
    return [message, reason, Object.keys(fields).length > 0 ? JSON.stringify(fields) : undefined]
      .filter((part) => part !== undefined)
      .join(' ')
  } catch {
    return line.trim() === '' ? null : line
  }
}

function openLog(folder: string, name: string): WriteStream {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.log`)
  // One older file is kept, so that logs never fill a disk.
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > maxLogBytes) renameSync(path, `${path}.1`)
  return createWriteStream(path, { flags: 'a' })
}
