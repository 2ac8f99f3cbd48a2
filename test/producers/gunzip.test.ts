import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { GzipDamaged, gunzip } from '../../producers/gunzip.ts'

async function* chunked(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

async function unpack(bytes: Buffer, chunkBytes = 10_000): Promise<{ text: string; error: unknown }> {
  const parts: Buffer[] = []
  let error: unknown = null
  try {
    for await (const part of gunzip(chunked(bytes, chunkBytes))) parts.push(part)
  } catch (thrown) {
    error = thrown
  }
  return { text: Buffer.concat(parts).toString(), error }
}

const lines = Array.from(
  { length: 20_000 },
  (_, line) => `{"line":${line},"hash":"${(line * 2654435761) >>> 3}"}\n`,
)
const text = lines.join('')
const packed = gzipSync(text)

it('unpacks what gzip packed, however it is cut into chunks', async () => {
  for (const chunkBytes of [1_000, 16_384, 1_000_000]) {
    expect(await unpack(packed, chunkBytes)).toEqual({ text, error: null })
  }
})

it('reads members that were simply put one after the other', async () => {
  const members = [gzipSync('one\n'), gzipSync(''), gzipSync('two\n'), packed]

  expect(await unpack(Buffer.concat(members), 7)).toEqual({ text: `one\ntwo\n${text}`, error: null })
})

it('gives everything up to where the data ends early, then says so', async () => {
  const { text: head, error } = await unpack(packed.subarray(0, packed.length - 1_000))

  expect(error).toBeInstanceOf(GzipDamaged)
  expect(text.startsWith(head)).toBe(true)
  expect(text.length - head.length).toBeLessThan(5_000)
})

it('says that data ends early though only its checksum is missing', async () => {
  const { text: head, error } = await unpack(packed.subarray(0, packed.length - 3))

  expect(error).toBeInstanceOf(GzipDamaged)
  expect(head).toBe(text)
})

it('gives the same text of damaged data each time, however it is cut into chunks', async () => {
  const damaged = Buffer.from(packed)
  damaged.fill(0xff, 60_000, 60_040)

  const results = await Promise.all([999, 16_384, 50_000].map((chunkBytes) => unpack(damaged, chunkBytes)))

  for (const { text: head, error } of results) {
    expect(error).toBeInstanceOf(GzipDamaged)
    expect(head).toBe(results[0]?.text)
    expect(head.length).toBeGreaterThan(100_000)
  }
})

it('lets go of the source when the reader stops early', async () => {
  let isReleased = false
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunked(packed, 100)
    } finally {
      isReleased = true
    }
  }

  for await (const part of gunzip(source())) {
    expect(part.length).toBeGreaterThan(0)
    break
  }

  expect(isReleased).toBe(true)
})

it('does not take nothing at all for gzip data', async () => {
  const { text: head, error } = await unpack(Buffer.alloc(0))

  expect(head).toBe('')
  expect(error).toBeInstanceOf(GzipDamaged)
})
