import { expect, it } from 'vitest'
import { BrokerUnavailable, type FetchedPartition, type Reader, TopicMissing } from '../../broker/index.ts'
import { createFetchAhead } from '../../processors/fetch-ahead.ts'
import type { OwnedPartition } from '../../processors/owned-partition.ts'
import { createManualClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'

const owned = (partition: number, position: number): OwnedPartition => ({
  partition,
  position,
  epoch: 0,
  sealedTo: position,
  watermarkMs: null,
  groupCount: 0,
  deadLetterBytes: 0,
  open: () => {},
  aggregate: () => false,
  skipTo: () => {},
  seal: () => {
    throw new Error('not used here')
  },
})
const records = (partition: number, nextOffset: number): FetchedPartition => ({
  kind: 'records',
  partition,
  batches: [],
  nextOffset,
  highWatermark: 100,
  lastStableOffset: 100,
  logStartOffset: 0,
})

/** A reader that answers when told to. */
function setUp() {
  const clock = createManualClock(1_000_000)
  const asked: Record<number, number>[] = []
  let settle = (_answer: FetchedPartition[]): void => {}
  let fail = (_error: unknown): void => {}
  const reader: Reader = {
    fetch: (positions) => {
      asked.push(Object.fromEntries(positions))
      return new Promise((resolve, reject) => {
        settle = resolve
        fail = reject
      })
    },
    close: async () => {},
  }
  const ahead = createFetchAhead(reader, { clock, log: silentLogger, wake: () => {} })
  const answer = async (fetched: FetchedPartition[]) => {
    settle(fetched)
    await Promise.resolve()
    return ahead.take()
  }
  const failWith = async (error: unknown) => {
    fail(error)
    await Promise.resolve()
    await Promise.resolve()
  }
  return { ahead, asked, answer, failWith, clock }
}

it('asks on from where the last answer leads, before that is aggregated', async () => {
  const { ahead, asked, answer } = setUp()
  const zero = owned(0, 10)
  const one = owned(1, 20)
  ahead.request([zero, one])

  await answer([records(0, 15)])
  ahead.request([zero, one])

  expect(asked).toEqual([
    { 0: 10, 1: 20 },
    { 0: 15, 1: 20 },
  ])
})

it('has one request under way at most, and none while an answer waits', async () => {
  const { ahead, asked } = setUp()
  const zero = owned(0, 10)

  ahead.request([zero])
  ahead.request([zero])

  expect(asked).toHaveLength(1)
  expect(ahead.take()).toBeNull()
})

it('ties an answer to the partition it was asked for, not to one placed anew since', async () => {
  const { ahead, asked, answer } = setUp()
  const before = owned(0, 10)
  const anew = owned(0, 5)
  ahead.request([before])

  const answers = await answer([records(0, 15)])
  ahead.request([anew])

  expect(answers?.[0]?.owned).toBe(before)
  expect(asked.at(-1)).toEqual({ 0: 5 })
})

it('lets a partition without a leader wait while the others go on', async () => {
  const { ahead, asked, answer, clock } = setUp()
  const zero = owned(0, 10)
  const one = owned(1, 20)
  ahead.request([zero, one])

  const answers = await answer([
    records(0, 15),
    { kind: 'unavailable', partition: 1, error: new BrokerUnavailable('no leader') },
  ])
  ahead.request([zero, one])
  await answer([records(0, 16)])
  clock.advance(5_000)
  ahead.request([zero, one])

  expect(answers?.map(({ owned: { partition } }) => partition)).toEqual([0])
  expect(asked.slice(1)).toEqual([{ 0: 15 }, { 0: 16, 1: 20 }])
})

it('waits after a fetch that failed and may succeed later', async () => {
  const { ahead, asked, failWith, clock } = setUp()
  const zero = owned(0, 10)
  ahead.request([zero])
  await failWith(new BrokerUnavailable('connection refused'))

  expect(ahead.take()).toBeNull()
  clock.advance(5_000)
  ahead.request([zero])

  expect(asked).toEqual([{ 0: 10 }, { 0: 10 }])
})

it('throws what no waiting mends', async () => {
  const { ahead, failWith } = setUp()
  ahead.request([owned(0, 10)])
  await failWith(new TopicMissing('events'))

  expect(() => ahead.take()).toThrow('there is no topic events')
})
