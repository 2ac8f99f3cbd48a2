import { expect, it } from 'vitest'
import { createTailCache, type TailCache } from '../../../../broker/embedded/disk/tail-cache.ts'

/** Batches of two records and 100 bytes each, from offset 0 on. */
function cacheOf(batches: number, maxBytes: number): TailCache {
  const cache = createTailCache(maxBytes)
  for (let i = 0; i < batches; i++) {
    cache.push({ bytes: Buffer.alloc(100, i), baseOffset: 2 * i, nextOffset: 2 * i + 2 })
  }
  return cache
}
const all = { limitOffset: 1_000, maxBytes: 1_000 }
const firstBytes = (bytes: Buffer | null): number[] => {
  if (!bytes) return []
  return Array.from({ length: bytes.length / 100 }, (_, i) => bytes.readUInt8(i * 100))
}

it('holds the newest batches up to its size', () => {
  const cache = cacheOf(500, 350)

  expect(firstBytes(cache.read({ ...all, fromOffset: 994 }))).toEqual([241, 242, 243])
  expect(firstBytes(cache.read({ ...all, fromOffset: 997 }))).toEqual([242, 243])
  expect(cache.read({ ...all, fromOffset: 993 })).toBe(null)
  expect(cache.read({ ...all, fromOffset: 1_000 })).toBe(null)
})

it('stops at the limit and at maxBytes, but gives the first batch whole', () => {
  const cache = cacheOf(4, 1_000)

  expect(firstBytes(cache.read({ fromOffset: 0, limitOffset: 4, maxBytes: 1_000 }))).toEqual([0, 1])
  expect(firstBytes(cache.read({ fromOffset: 0, limitOffset: 8, maxBytes: 399 }))).toEqual([0, 1, 2])
  expect(firstBytes(cache.read({ fromOffset: 5, limitOffset: 8, maxBytes: 1 }))).toEqual([2])
})

it('counts the bytes a read could give', () => {
  const cache = cacheOf(4, 300)

  expect(cache.byteLength(2, 8)).toBe(300)
  expect(cache.byteLength(3, 6)).toBe(200)
  expect(cache.byteLength(1, 8)).toBe(null)
})

it('does not keep a large request alive for a small batch of it', () => {
  const request = Buffer.allocUnsafeSlow(1_000_000)
  const cache = createTailCache(1_000)

  cache.push({ bytes: request.subarray(500, 600), baseOffset: 0, nextOffset: 1 })

  expect(cache.read({ ...all, fromOffset: 0 })?.buffer.byteLength).toBeLessThan(100_000)
})
