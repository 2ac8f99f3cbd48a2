import { expect, it } from 'vitest'
import { readBatches } from '../../../broker/client/fetched-batches.ts'
import { createBatchEncoder, encodeTransactionMarker, setBaseOffset } from '../../../broker/wire/index.ts'
import { recordsOf } from '../client-suite.ts'

// Two producers on one partition; each transaction's first offset is what the broker lists.
//
//   offset      0     1     2     3      4     5      6     7
//   producer 1  gone        gone  abort              kept
//   producer 2        kept               kept                commit (of 2)
const interleaved = Buffer.concat([
  transactional(0, 1, 'gone'),
  transactional(1, 2, 'kept'),
  transactional(2, 1, 'gone'),
  marker(3, 1, 'abort'),
  transactional(4, 2, 'kept'),
  transactional(6, 1, 'kept'),
  marker(7, 2, 'commit'),
])
const aborted = [{ producerId: 1, firstOffset: 0 }]

it('leaves out exactly the aborted producer, and only up to its abort marker', () => {
  const read = readBatches({ records: interleaved, abortedTransactions: aborted }, committedFrom(0))

  expect(offsetsIn(read.batches)).toEqual([1, 4, 6])
  expect(read).toMatchObject({ nextOffset: 8, damage: null })
})

it('does not depend on the order of the aborted list', () => {
  const twoAborted = Buffer.concat([
    transactional(0, 1, 'gone'),
    marker(1, 1, 'abort'),
    transactional(2, 1, 'kept'),
    marker(3, 1, 'commit'),
    transactional(4, 1, 'gone'),
    marker(5, 1, 'abort'),
  ])
  const list = [
    { producerId: 1, firstOffset: 4 },
    { producerId: 1, firstOffset: 0 },
  ]

  const read = readBatches({ records: twoAborted, abortedTransactions: list }, committedFrom(0))

  expect(offsetsIn(read.batches)).toEqual([2])
})

it('activates every transaction that begins up to the end of a batch, not one for each record', () => {
  const records = Buffer.concat([
    transactional(10, 1, 'gone', 'gone', 'gone'),
    transactional(13, 2, 'gone'),
    transactional(14, 3, 'kept'),
  ])
  const list = [
    { producerId: 1, firstOffset: 3 },
    { producerId: 2, firstOffset: 13 },
  ]

  const read = readBatches({ records, abortedTransactions: list }, committedFrom(10))

  expect(offsetsIn(read.batches)).toEqual([14])
})

it('shows aborted records to uncommitted reads, but never markers', () => {
  const options = { position: 0, isolation: 'read_uncommitted' } as const

  const read = readBatches({ records: interleaved, abortedTransactions: null }, options)

  expect(offsetsIn(read.batches)).toEqual([0, 1, 2, 4, 6])
  expect(read.nextOffset).toBe(8)
})

it('moves on past a range that holds only markers', () => {
  const read = readBatches({ records: marker(3, 1, 'abort'), abortedTransactions: [] }, committedFrom(3))

  expect(read).toEqual({ batches: [], nextOffset: 4, damage: null })
})

it('leaves a batch that the size limit cut off for the next fetch', () => {
  const whole = transactional(0, 1, 'a')
  const records = Buffer.concat([whole, transactional(1, 1, 'b').subarray(0, 40)])

  const read = readBatches({ records, abortedTransactions: [] }, committedFrom(0))

  expect(offsetsIn(read.batches)).toEqual([0])
  expect(read).toMatchObject({ nextOffset: 1, damage: null })
})

it('trims records before the position, whatever their size', () => {
  const records = transactional(100, 1, 'a', 'b'.repeat(300), 'c'.repeat(70_000), 'd', 'e')

  const from = (position: number): number[] =>
    offsetsIn(readBatches({ records, abortedTransactions: [] }, committedFrom(position)).batches)

  expect(from(100)).toEqual([100, 101, 102, 103, 104])
  expect(from(103)).toEqual([103, 104])
  expect(from(104)).toEqual([104])
  expect(from(105)).toEqual([])
})

function committedFrom(position: number): { position: number; isolation: 'read_committed' } {
  return { position, isolation: 'read_committed' }
}

function offsetsIn(batches: ReturnType<typeof readBatches>['batches']): number[] {
  return batches.flatMap(recordsOf).map(({ offset }) => offset)
}

function transactional(offset: number, producerId: number, ...values: string[]): Buffer {
  const encoder = createBatchEncoder()
  for (const value of values) encoder.add(1_000, null, Buffer.from(value))
  const batch = encoder.finish({ producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true })
  setBaseOffset(batch, offset)
  return batch
}

function marker(offset: number, producerId: number, kind: 'commit' | 'abort'): Buffer {
  const batch = encodeTransactionMarker({ kind, producerId, producerEpoch: 0, timestampMs: 1_000 })
  setBaseOffset(batch, offset)
  return batch
}
