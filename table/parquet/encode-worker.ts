/** Entry of the worker thread: one encode job in, one file's bytes out. */
import { parentPort } from 'node:worker_threads'
import { errorMessage } from '../../runtime/errors.ts'
import { encodeParquet } from './encode.ts'
import type { EncodeJob } from './encode-job.ts'

export interface EncodeRequest {
  id: number
  job: EncodeJob
}

export type EncodeReply = { id: number; bytes: Uint8Array } | { id: number; error: string }

parentPort?.on('message', ({ id, job }: EncodeRequest) => {
  let reply: EncodeReply
  try {
    reply = { id, bytes: encodeParquet(job) }
  } catch (error) {
    reply = { id, error: errorMessage(error) }
  }
  const buffer = 'bytes' in reply && reply.bytes.buffer instanceof ArrayBuffer ? [reply.bytes.buffer] : []
  parentPort?.postMessage(reply, buffer)
})
