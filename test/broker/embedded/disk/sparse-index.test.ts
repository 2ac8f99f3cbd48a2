import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  createSparseIndex,
  decodeSparseIndex,
  type SparseIndex,
} from '../../../../broker/embedded/disk/sparse-index.ts'

interface Facts {
  byteLength: number
  recordCount: number
  maxTimestampMs: number
}
const facts: fc.Arbitrary<Facts[]> = fc.array(
  fc.record({
    byteLength: fc.integer({ min: 61, max: 60_000 }),
    recordCount: fc.integer({ min: 1, max: 10 }),
    maxTimestampMs: fc.integer({ min: -1, max: 50 }),
  }),
  { maxLength: 40 },
)
const baseOffset = 1_000

function built(batches: Facts[]): {
  index: SparseIndex
  log: (Facts & { offset: number; position: number })[]
  byteLength: number
  nextOffset: number
} {
  const index = createSparseIndex(baseOffset)
  let position = 0
  let offset = baseOffset
  const log = batches.map((batch) => {
    const placed = { ...batch, offset, position }
    index.note({ ...batch, baseOffset: offset, position })
    position += batch.byteLength
    offset += batch.recordCount
    return placed
  })
  return { index, log, byteLength: position, nextOffset: offset }
}

it('never starts a search behind what is looked for, nor far before it', () => {
  fc.assert(
    fc.property(facts, fc.nat(400), fc.nat(60), (batches, delta, timestampMs) => {
      const { index, log } = built(batches)
      const holder = log.find((batch) => batch.offset + batch.recordCount > baseOffset + delta)
      const since = log.find((batch) => batch.maxTimestampMs >= timestampMs)

      const forOffset = index.positionForOffset(baseOffset + delta)
      const forTime = index.positionForTime(timestampMs)

      if (holder) {
        expect(forOffset).toBeLessThanOrEqual(holder.position)
        expect(forOffset).toBeGreaterThan(holder.position - 32 * 1024)
      }
      if (since) expect(forTime).toBeLessThanOrEqual(since.position)
      for (const found of [forOffset, forTime])
        expect([0, ...log.map(({ position }) => position)]).toContain(found)
    }),
  )
})

it('reads back what it wrote, and refuses any flipped byte or another log', () => {
  fc.assert(
    fc.property(facts, fc.nat(), fc.integer({ min: 1, max: 255 }), (batches, where, flip) => {
      const { index, byteLength, nextOffset } = built(batches)
      const bytes = index.encode({ byteLength, nextOffset })

      const decoded = decodeSparseIndex(bytes, { baseOffset, byteLength })

      expect(decoded?.nextOffset).toBe(nextOffset)
      expect(decoded?.index.maxTimestampMs).toBe(index.maxTimestampMs)
      expect(decoded?.index.encode({ byteLength, nextOffset })).toEqual(bytes)
      expect(decodeSparseIndex(bytes, { baseOffset, byteLength: byteLength + 1 })).toBe(null)
      expect(decodeSparseIndex(bytes, { baseOffset: 0, byteLength })).toBe(null)
      expect(decodeSparseIndex(bytes.subarray(0, -1), { baseOffset, byteLength })).toBe(null)
      const at = where % bytes.length
      bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at)
      expect(decodeSparseIndex(bytes, { baseOffset, byteLength })).toBe(null)
    }),
  )
})
