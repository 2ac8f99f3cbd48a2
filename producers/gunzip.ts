import { createGunzip, type Gunzip } from 'node:zlib'
import { AppError } from '../runtime/errors.ts'

/** The gzip data ends early or is broken. Thrown after every byte that could be read has been handed out. */
export class GzipDamaged extends AppError {
  constructor(cause: unknown) {
    super(`the gzip data ends early or is damaged: ${cause instanceof Error ? cause.message : cause}`, {
      code: 'GZIP_DAMAGED',
      remedy: 'reject',
      cause,
    })
  }
}

/**
 * Small, so that one block of the tightest gzip (1,000 to 1) stays near 16 MB. Fixed, because what zlib gives before
 * an error depends on how its input was cut, and a damaged object must give the same lines each time it is read.
 */
const blockBytes = 16_384

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b
}

/**
 * Streams the content of gzip data, concatenated members one after the other. The next block is inflated (on zlib's
 * thread) while the caller works on the last one.
 * @throws {GzipDamaged}
 */
export async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const engine = createInflater()
  try {
    let inflating: Promise<Buffer[]> | null = null
    for await (const block of blocksOf(source)) {
      const ready: Buffer[] = inflating === null ? [] : await inflating
      inflating = engine.inflate(block)
      yield* ready
      if (engine.failure() !== null) break
    }
    if (inflating !== null) yield* await inflating
    yield* await engine.finish()
    if (engine.failure() !== null) throw new GzipDamaged(engine.failure())
  } finally {
    engine.close()
  }
}

interface Inflater {
  /** What the block adds; never rejects, see `failure`. */
  inflate(block: Buffer): Promise<Buffer[]>
  finish(): Promise<Buffer[]>
  failure(): Error | null
  close(): void
}

function createInflater(): Inflater {
  const engine: Gunzip = createGunzip({ chunkSize: 65_536 })
  let failure: Error | null = null
  let output: Buffer[] = []
  const drain = (): void => {
    for (;;) {
      const chunk: Buffer | null = engine.read()
      if (chunk === null) return
      output.push(chunk)
    }
  }
  engine.on('readable', drain)
  engine.on('error', (error) => {
    failure ??= error
  })

  // An engine that fails forgets the callback of the write under way, hence the second way out.
  const step = (start: (done: () => void) => void): Promise<Buffer[]> =>
    new Promise((resolve) => {
      const done = (): void => {
        engine.off('close', done)
        if (!engine.destroyed) drain()
        const ready = output
        output = []
        resolve(ready)
      }
      if (failure !== null) return done()
      engine.once('close', done)
      start(done)
    })
  return {
    inflate: (block) => step((done) => engine.write(block, done)),
    finish: () =>
      step((done) => {
        engine.once('end', done)
        engine.end()
        drain()
      }),
    failure: () => failure,
    close: () => engine.destroy(),
  }
}

async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let block = Buffer.allocUnsafe(blockBytes)
  let filled = 0
  for await (const chunk of source) {
    for (let taken = 0; taken < chunk.length; ) {
      const bytes = Math.min(blockBytes - filled, chunk.length - taken)
      block.set(chunk.subarray(taken, taken + bytes), filled)
      filled += bytes
      taken += bytes
      if (filled === blockBytes) {
        yield block
        block = Buffer.allocUnsafe(blockBytes)
        filled = 0
      }
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}
