/**
 * Where Parquet is encoded: on a worker thread, so that 0.5 s of encoding never holds up heartbeats, or inline where
 * no thread can load the sources (tests). The thread is started with the first job, and anew after a crash; it does
 * not keep the process alive while it has nothing to do.
 */
import { Worker } from 'node:worker_threads'
import { AppError, errorMessage } from '../../runtime/errors.ts'
import { type EncodeJob, transferablesOf } from './encode-job.ts'
import type { EncodeReply, EncodeRequest } from './encode-worker.ts'

export interface Encoder {
  /**
   * Takes the job's arrays away.
   * @throws {EncoderFailed} when the thread died; the job can be made anew and tried again
   */
  encode(job: EncodeJob): Promise<Uint8Array>
  close(): Promise<void>
}

export class EncoderFailed extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'ENCODER_FAILED', remedy: 'retry', cause })
  }
}

/** Loads Arrow and WASM with the first job, not before. */
export function createInlineEncoder(): Encoder {
  return {
    async encode(job) {
      const { encodeParquet } = await import('./encode.ts')
      return encodeParquet(job)
    },
    close: async () => {},
  }
}

export interface WorkerEncoderOptions {
  /** Jobs handed to the thread at a time; more wait, with their arrays, in order. */
  maxInFlight?: number
  /** The thread's entry file. */
  entry?: URL
}

interface Waiting {
  settle(reply: EncodeReply): void
  fail(error: Error): void
}

export function createWorkerEncoder(options: WorkerEncoderOptions = {}): Encoder {
  const { maxInFlight = 4, entry = defaultEntry() } = options
  const inFlight = new Map<number, Waiting>()
  const queue: (() => void)[] = []
  let worker: Worker | null = null
  let nextId = 0
  let closed = false

  function threadOf(): Worker {
    if (worker) return worker
    const started = new Worker(entry)
    worker = started
    started.on('message', (reply: EncodeReply) => {
      const waiting = inFlight.get(reply.id)
      release(reply.id)
      waiting?.settle(reply)
    })
    started.on('error', (error) => drop(started, error))
    started.on('exit', (code) => drop(started, new Error(`it exited with code ${code}`)))
    return started
  }

  function drop(dead: Worker, cause: unknown): void {
    if (worker !== dead) return
    worker = null
    const failed = new EncoderFailed(`the encoder thread died: ${errorMessage(cause)}`, cause)
    for (const [id, waiting] of [...inFlight]) {
      inFlight.delete(id)
      waiting.fail(failed)
    }
    startNext()
  }

  function release(id: number): void {
    inFlight.delete(id)
    if (inFlight.size === 0) worker?.unref()
    startNext()
  }

  function startNext(): void {
    while (inFlight.size < maxInFlight && queue.length > 0) queue.shift()?.()
  }

  function send(job: EncodeJob, waiting: Waiting): void {
    if (closed) {
      waiting.fail(new EncoderFailed('the encoder is closed'))
      return
    }
    const thread = threadOf()
    const id = nextId++
    inFlight.set(id, waiting)
    thread.ref()
    const request: EncodeRequest = { id, job }
    thread.postMessage(request, transferablesOf(job))
  }

  return {
    encode: (job) =>
      new Promise((resolve, reject) => {
        const waiting: Waiting = {
          settle: (reply) => {
            if ('bytes' in reply) resolve(reply.bytes)
            // A job that cannot be encoded is a bug, not bad luck: no retry.
            else reject(new Error(`cannot encode Parquet: ${reply.error}`))
          },
          fail: reject,
        }
        if (inFlight.size < maxInFlight && queue.length === 0) send(job, waiting)
        else queue.push(() => send(job, waiting))
      }),
    async close() {
      closed = true
      const running = worker
      worker = null
      await running?.terminate()
      const failed = new EncoderFailed('the encoder was closed')
      for (const waiting of inFlight.values()) waiting.fail(failed)
      inFlight.clear()
      for (const start of queue.splice(0)) start()
    },
  }
}

/** The sources are .ts, the build .js: the thread's file is named like this one. */
function defaultEntry(): URL {
  return new URL(`./encode-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
}
