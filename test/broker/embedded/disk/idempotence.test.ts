import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { DataDir } from '../../../../broker/embedded/disk/index.ts'
import { createProducerStates } from '../../../../broker/embedded/disk/producer-states.ts'
import {
  allRecords,
  batchOf,
  crashCopy,
  logOf,
  oneLog,
  openForTest,
  partitionDir,
  temporaryDir,
} from './logs.ts'

const producerId = 7
const at = (baseSequence: number, ...values: string[]): Buffer =>
  batchOf(values, { producerId, baseSequence })

it('stores a batch sent twice once, and answers with where it went the first time', async () => {
  const log = await oneLog(await temporaryDir())
  await log.append(batchOf(['before']))
  const first = await log.append(at(0, 'a', 'b'))

  const second = await log.append(at(0, 'a', 'b'))

  expect(first).toEqual({ baseOffset: 1, logAppendTimeMs: -1, duplicate: false })
  expect(second).toEqual({ baseOffset: 1, logAppendTimeMs: -1, duplicate: true })
  expect(await allRecords(log)).toEqual(['0=before', '1=a', '2=b'])
})

it('knows a duplicate of a batch that is still on its way to the disk', async () => {
  const log = await oneLog(await temporaryDir())

  const results = await Promise.all([log.append(at(0, 'a')), log.append(at(0, 'a')), log.append(at(1, 'b'))])

  expect(results.map(({ baseOffset, duplicate }) => [baseOffset, duplicate])).toEqual([
    [0, false],
    [0, true],
    [1, false],
  ])
})

it('refuses a gap, and the duplicate of a batch older than the last five', async () => {
  const log = await oneLog(await temporaryDir())
  for (const sequence of [0, 1, 2, 3, 4, 5]) await log.append(at(sequence, 'v'))

  await expect(log.append(at(7, 'v'))).rejects.toMatchObject({ kafkaError: 45 })
  await expect(log.append(at(0, 'v'))).rejects.toMatchObject({ kafkaError: 45 })

  expect(await log.append(at(1, 'v'))).toMatchObject({ baseOffset: 1, duplicate: true })
  expect(await log.append(at(6, 'v'))).toMatchObject({ baseOffset: 6, duplicate: false })
})

it('refuses an older epoch, and a newer one that does not begin at zero', async () => {
  const log = await oneLog(await temporaryDir())
  await log.append(batchOf(['a'], { producerId, producerEpoch: 1, baseSequence: 0 }))

  const older = batchOf(['b'], { producerId, producerEpoch: 0, baseSequence: 1 })
  const newer = batchOf(['c'], { producerId, producerEpoch: 2, baseSequence: 1 })
  await expect(log.append(older)).rejects.toMatchObject({ kafkaError: 47 })
  await expect(log.append(newer)).rejects.toMatchObject({ kafkaError: 45 })

  expect(await log.append(batchOf(['d'], { producerId, producerEpoch: 2, baseSequence: 0 }))).toMatchObject({
    baseOffset: 1,
  })
})

it('wraps sequences after 2^31 - 1', async () => {
  const log = await oneLog(await temporaryDir())
  await log.append(at(2_147_483_646, 'a', 'b', 'c'))

  expect(await log.append(at(1, 'd'))).toMatchObject({ baseOffset: 3 })
  expect(await log.append(at(2_147_483_646, 'a', 'b', 'c'))).toMatchObject({ baseOffset: 0, duplicate: true })
})

async function stopInOrder(dir: string, dataDir: DataDir): Promise<string> {
  await dataDir.close()
  return dir
}
const ways: [string, (dir: string, dataDir: DataDir) => Promise<string>][] = [
  ['an orderly stop', stopInOrder],
  ['a kill', (dir) => crashCopy(dir)],
]
const sizes: [string, number][] = [
  ['one file', 1_000_000],
  ['a file for every two batches', 200],
]
it.each(ways.flatMap(([way, stop]) => sizes.map(([size, bytes]) => ({ way, stop, size, bytes }))))(
  'still knows the last five batches after $way, with $size',
  async ({ stop, bytes }) => {
    const running = await temporaryDir()
    const before = await openForTest(running, { segmentBytes: bytes })
    await before.createTopic('clicks', 1, {})
    for (const sequence of [0, 1, 2, 3, 4, 5, 6]) await logOf(before).append(at(sequence, 'v'))
    const dir = await stop(running, before)

    const log = await oneLog(dir, { segmentBytes: bytes })

    for (const sequence of [2, 3, 4, 5, 6]) {
      expect(await log.append(at(sequence, 'v'))).toMatchObject({ baseOffset: sequence, duplicate: true })
    }
    await expect(log.append(at(1, 'v'))).rejects.toMatchObject({ kafkaError: 45 })
    await expect(log.append(at(8, 'v'))).rejects.toMatchObject({ kafkaError: 45 })
    expect(await log.append(at(7, 'v'))).toMatchObject({ baseOffset: 7, duplicate: false })
  },
)

it('survives a stop, more batches and then a kill', async () => {
  const running = await temporaryDir()
  const first = await openForTest(running)
  await first.createTopic('clicks', 1, {})
  await logOf(first).append(at(0, 'a'))
  await first.close()
  await (await oneLog(running)).append(at(1, 'b'))

  const log = await oneLog(await crashCopy(running))

  expect(await log.append(at(0, 'a'))).toMatchObject({ baseOffset: 0, duplicate: true })
  expect(await log.append(at(1, 'b'))).toMatchObject({ baseOffset: 1, duplicate: true })
  expect(await log.append(at(2, 'c'))).toMatchObject({ baseOffset: 2, duplicate: false })
})

it('forgets producers that were silent for a day', async () => {
  const dataDir = await openForTest(await temporaryDir())
  await dataDir.createTopic('clicks', 1, {})
  await logOf(dataDir).append(at(0, 'a'))

  await dataDir.enforceRetention(1_000 + 86_400_000 + 1)

  expect(await logOf(dataDir).append(at(5, 'f'))).toMatchObject({ baseOffset: 1, duplicate: false })
})

it('acknowledges a duplicate only after the first one', async () => {
  const log = await oneLog(await temporaryDir())
  const order: string[] = []

  await Promise.all([
    log.append(at(0, 'a')).then(() => order.push('first')),
    log.append(at(0, 'a')).then(() => order.push('duplicate')),
  ])

  expect(order).toEqual(['first', 'duplicate'])
})

it('still knows the last five batches after a stop, a start and a kill', async () => {
  const running = await temporaryDir()
  const first = await openForTest(running, { segmentBytes: 200 })
  await first.createTopic('clicks', 1, {})
  for (const sequence of [0, 1, 2, 3, 4, 5, 6]) await logOf(first).append(at(sequence, 'v'))
  await first.close()
  await oneLog(running)

  const log = await oneLog(await crashCopy(running))

  for (const sequence of [2, 3, 4, 5, 6]) {
    expect(await log.append(at(sequence, 'v'))).toMatchObject({ baseOffset: sequence, duplicate: true })
  }
})

it('learns the producers from the whole log when their file is lost', async () => {
  const running = await temporaryDir()
  const before = await oneLog(running, { segmentBytes: 200 })
  for (const sequence of [0, 1, 2, 3, 4, 5, 6]) await before.append(at(sequence, 'v'))
  const dir = await crashCopy(running)
  await rm(join(partitionDir(dir), 'producers.snap'))

  const log = await oneLog(dir, { segmentBytes: 200 })

  for (const sequence of [2, 3, 4, 5, 6]) {
    expect(await log.append(at(sequence, 'v'))).toMatchObject({ baseOffset: sequence, duplicate: true })
  }
})

it('leaves batches that are only queued out of a snapshot, and producers of which nothing else is known', () => {
  const states = createProducerStates()
  const batch = { producerId, producerEpoch: 0, baseSequence: 0, lastOffsetDelta: 0, isControl: false }
  states.register(batch, { baseOffset: 10, logAppendTimeMs: -1 }, 5)
  states.register({ ...batch, baseSequence: 1 }, { baseOffset: 11, logAppendTimeMs: -1 }, 6)
  states.register({ ...batch, producerId: 8 }, { baseOffset: 12, logAppendTimeMs: -1 }, 7)

  expect(states.snapshot(11)).toEqual([
    {
      producerId,
      epoch: 0,
      epochOffset: 10,
      lastSeenMs: 6,
      recent: [{ firstSequence: 0, lastSequence: 0, baseOffset: 10, logAppendTimeMs: -1 }],
    },
  ])
})

it('takes the epoch of a control batch, which has no sequence', () => {
  const states = createProducerStates()
  const batch = { producerId, producerEpoch: 0, baseSequence: 0, lastOffsetDelta: 0, isControl: false }
  states.register(batch, { baseOffset: 0, logAppendTimeMs: -1 }, 5)
  const marker = { ...batch, producerEpoch: 1, baseSequence: -1, isControl: true }

  states.register(marker, { baseOffset: 1, logAppendTimeMs: -1 }, 6)

  expect(() => states.check({ ...batch, baseSequence: 1 })).toThrow('newer instance')
  expect(states.check({ ...batch, producerEpoch: 1 })).toBe(null)
})
