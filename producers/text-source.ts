import { errorMessage } from '../runtime/errors.ts'
import { GzipDamaged, gunzip, isGzip } from './gunzip.ts'

/** The text of one object, file or pipe, unpacked if it is gzip. */
export interface TextSource {
  /** Told by the first two bytes, not by the name: tools store gzip under any name, and proxies unpack it. */
  readonly isGzip: boolean
  /** In pieces small enough to look at the signal between them. Ends early, without an error, when it aborts. */
  readonly slices: AsyncIterable<Uint8Array>
  /** Stored bytes fetched so far. */
  readonly fetchedBytes: number
  /** Once the slices have ended: what was wrong with the gzip data, else null. */
  readonly damage: string | null
}

export interface TextSourceOptions {
  /** The chunks begin in the middle of plain text. */
  isRest?: boolean
  signal: AbortSignal
}

const sliceBytes = 64 * 1024

/** Waits for the first chunk, so that what cannot be read at all fails here. */
export async function openText(
  chunks: AsyncIterable<Uint8Array>,
  { isRest = false, signal }: TextSourceOptions,
): Promise<TextSource> {
  const unread = chunks[Symbol.asyncIterator]()
  const head: Uint8Array[] = []
  let headBytes = 0
  while (headBytes < 2) {
    const { done, value } = await unread.next()
    if (done) break
    head.push(value)
    headBytes += value.length
  }
  // Text never begins like gzip, but from its middle on it can look like it.
  const packed = !isRest && isGzip(Buffer.concat(head))
  const source = { isGzip: packed, fetchedBytes: 0, damage: null as string | null, slices: slices() }
  return source

  async function* slices(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of packed ? gunzip(stored()) : stored()) {
        for (let at = 0; at < chunk.length; at += sliceBytes) yield chunk.subarray(at, at + sliceBytes)
      }
    } catch (error) {
      if (error instanceof GzipDamaged) source.damage = errorMessage(error)
      else if (!signal.aborted) throw error
    }
  }

  async function* stored(): AsyncGenerator<Uint8Array> {
    try {
      for (const chunk of head) {
        source.fetchedBytes += chunk.length
        yield chunk
      }
      for (;;) {
        const { done, value } = await unread.next()
        if (done) return
        source.fetchedBytes += value.length
        yield value
      }
    } finally {
      await unread.return?.()
    }
  }
}
