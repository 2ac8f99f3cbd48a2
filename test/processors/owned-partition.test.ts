import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBatchEncoder, createRecordCursor, openBatch } from '../../broker/index.ts'
import { createProjection } from '../../events/index.ts'
import { createAggregate } from '../../processors/aggregate.ts'
import type { SealedPartition } from '../../processors/flush.ts'
import { createOwnedPartition, type OwnedPartition } from '../../processors/owned-partition.ts'
import { rowList } from '../../table/index.ts'
import { jsonLine, noon, plainSettings } from '../fixtures/events.ts'

const projection = createProjection(plainSettings)
const cursor = createRecordCursor()

function own(nextOffset: number, watermarkMs: number | null): OwnedPartition {
  const aggregate = createAggregate({
    windowMs: 60_000,
    allowedLatenessMs: 30_000,
    resumeWatermarkMs: watermarkMs,
    dimensionCount: 0,
  })
  const progress = { partition: 3, nextOffset, epoch: 0, watermarkMs, idleAtOffset: null, rewindTo: null }
  return createOwnedPartition({ topic: 'events', projection, cursor, aggregate }, progress)
}

/** One batch whose first record is at offset 0. */
function batchOf(values: Buffer[]) {
  const encoder = createBatchEncoder()
  for (const value of values) encoder.add(noon, null, value)
  return openBatch(encoder.finish({ producerId: -1, producerEpoch: -1, baseSequence: -1 }))
}

/** All flushes together: late, counted and summed per window; sums are of whole numbers, so exact. */
function totalsOf(sealed: SealedPartition[]): Record<string, [count: number, late: number, sum: number]> {
  const totals: Record<string, [number, number, number]> = {}
  for (const { rows } of sealed) {
    for (const { windowStartMs, count, lateCount, valueSum } of rowList(rows)) {
      const [counted, late, sum] = totals[windowStartMs] ?? [0, 0, 0]
      totals[windowStartMs] = [counted + count, late + lateCount, sum + valueSum]
    }
  }
  return totals
}

const seconds = fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 40 })

it('gives the same totals wherever flushes and restarts cut the log, late events included', () => {
  const cuts = fc.array(fc.record({ records: fc.integer({ min: 1, max: 12 }), restart: fc.boolean() }))
  fc.assert(
    fc.property(seconds, cuts, (times, plan) => {
      const values = times.map((second, at) =>
        at % 7 === 6
          ? Buffer.from('not json')
          : jsonLine({ event_type: 'click', timestamp: noon - 600_000 + second * 1_000, value: at }),
      )
      const batch = batchOf(values)
      const whole = own(0, null)
      whole.open(batch)
      while (whole.aggregate(1_000));
      const expected = whole.seal()

      const sealed: SealedPartition[] = []
      let owned = own(0, null)
      owned.open(batch)
      let more = true
      for (const { records, restart } of plan) {
        more = more && owned.aggregate(records)
        sealed.push(owned.seal())
        projection.reset()
        if (!restart) continue
        owned = own(owned.position, sealed.at(-1)?.watermarkAtHiMs ?? null)
        owned.open(batch)
        more = true
      }
      while (more) more = owned.aggregate(1_000)
      sealed.push(owned.seal())
      projection.reset()

      expect(totalsOf(sealed)).toEqual(totalsOf([expected]))
      expect(sealed.at(-1)).toMatchObject({ hi: expected.hi, watermarkAtHiMs: expected.watermarkAtHiMs })
      expect(sealed.flatMap(({ deadLetters }) => deadLetters)).toEqual(expected.deadLetters)
      for (const [at, { lo }] of sealed.entries()) expect(lo).toBe(at === 0 ? 0 : sealed[at - 1]?.hi)
    }),
  )
})

it('keeps a copy of a bad record, and lets go of it with the flush', () => {
  const owned = own(0, null)
  const batch = batchOf([Buffer.from('not json')])
  owned.open(batch)
  owned.aggregate(10)
  const held = owned.deadLetterBytes

  const sealed = owned.seal()
  batch.records.fill(0)

  expect(held).toBeGreaterThan(8)
  expect(owned.deadLetterBytes).toBe(0)
  expect(sealed.deadLetters).toMatchObject([
    { origin: 'events/3/0', value: Buffer.from('not json'), reason: 'not_json', timeMs: noon },
  ])
})

it('never moves back', () => {
  const owned = own(5, null)

  owned.skipTo(9)
  owned.skipTo(7)

  expect(owned.position).toBe(9)
  expect(owned.seal()).toMatchObject({ lo: 5, hi: 9 })
})
