/** One topic in memory whose records come as real batches, with the group offsets of fake-group.ts. */
import { createBatchEncoder, type FetchedPartition, openBatch, type Reader } from '../../../broker/index.ts'
import type { ConsumeParts } from '../../../processors/consume.ts'
import { createFakeGroup, type FakeGroup } from './fake-group.ts'

export interface FakeTopic {
  readonly group: FakeGroup
  readonly kafka: ConsumeParts['kafka']
  /** One batch; a null value is a record without a value. */
  append(partition: number, values: (string | null)[]): void
  /** What fetch answers with instead, while it is set. */
  broken: ((partition: number) => FetchedPartition) | null
  /** The positions of every fetch so far. */
  readonly fetches: ReadonlyMap<number, number>[]
}

const recordTimestampMs = Date.UTC(2026, 0, 2)
const pollMs = 20

export function createFakeTopic(partitionCount: number): FakeTopic {
  const group = createFakeGroup(
    Object.fromEntries(
      Array.from({ length: partitionCount }, (_, partition) => [partition, { startOffset: 0, endOffset: 0 }]),
    ),
  )
  const batches = new Map<number, { first: number; end: number; bytes: Buffer }[]>()
  const fetches: ReadonlyMap<number, number>[] = []
  let wakers: (() => void)[] = []

  const logOf = (partition: number) => {
    const log = group.logs.get(partition)
    if (!log) throw new Error(`no partition ${partition}`)
    return log
  }
  const read = (partition: number, position: number): FetchedPartition => {
    if (topic.broken) return topic.broken(partition)
    const { startOffset, endOffset } = logOf(partition)
    if (position < startOffset || position > endOffset) return { kind: 'out_of_range', partition }
    const found = (batches.get(partition) ?? []).filter(({ end }) => end > position).slice(0, 3)
    return {
      kind: 'records',
      partition,
      batches: found.map(({ bytes }) => openBatch(bytes)),
      nextOffset: found.at(-1)?.end ?? position,
      highWatermark: endOffset,
      lastStableOffset: endOffset,
      logStartOffset: startOffset,
    }
  }
  /** As a broker does, holds a fetch back while it has nothing new, for a short while. */
  const newRecords = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, pollMs)
      wakers.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  const openReader = (): Reader => ({
    async fetch(positions) {
      fetches.push(new Map(positions))
      const answer = () => [...positions].map(([partition, position]) => read(partition, position))
      const first = answer()
      if (first.some((one) => one.kind !== 'records' || one.batches.length > 0)) return first
      await newRecords()
      return answer()
    },
    close: async () => {},
  })
  const topic: FakeTopic = {
    group,
    kafka: { ...group.kafka, openReader },
    broken: null,
    fetches,
    append(partition, values) {
      const log = logOf(partition)
      const encoder = createBatchEncoder()
      for (const value of values) {
        encoder.add(recordTimestampMs, null, value === null ? null : Buffer.from(value))
      }
      const bytes = encoder.finish({ producerId: -1, producerEpoch: -1, baseSequence: -1 })
      // A broker fills in the first offset; the checksum does not cover it.
      bytes.writeBigInt64BE(BigInt(log.endOffset), 0)
      const held = batches.get(partition) ?? []
      batches.set(partition, held)
      held.push({ first: log.endOffset, end: log.endOffset + values.length, bytes })
      log.endOffset += values.length
      for (const wake of wakers) wake()
      wakers = []
    },
  }
  return topic
}
