import { expect, it } from 'vitest'
import type { DataDir, PartitionLog } from '../../../../broker/embedded/disk/index.ts'
import { setCrc } from '../../../../broker/wire/index.ts'
import {
  allRecords,
  baseOffsets,
  batchOf,
  crashCopy,
  logOf,
  oneLog,
  openForTest,
  recordsIn,
  temporaryDir,
} from './logs.ts'

it('gives batches their offsets in the order of the calls, before anything is written', async () => {
  const log = await oneLog(await temporaryDir())

  const results = await Promise.all([
    log.append(batchOf(['a', 'b'])),
    log.append(batchOf(['c'])),
    log.append(batchOf(['d', 'e'])),
  ])

  expect(results.map(({ baseOffset }) => baseOffset)).toEqual([0, 2, 3])
  expect(log.logEndOffset).toBe(5)
  expect(await allRecords(log)).toEqual(['0=a', '1=b', '2=c', '3=d', '4=e'])
})

it.each(['interval', 'always', 'never'] as const)(
  'reads back after a reopen with fsync %s',
  async (fsync) => {
    const dir = await temporaryDir()
    const first = await openForTest(dir, { fsync })
    await first.createTopic('clicks', 1, {})
    await logOf(first).append(batchOf(['a', 'b']))
    await logOf(first).append(batchOf(['c']))
    await first.close()

    const log = await oneLog(dir, { fsync })

    expect(log.highWatermark).toBe(3)
    expect(await allRecords(log)).toEqual(['0=a', '1=b', '2=c'])
    await log.append(batchOf(['d']))
    expect(await allRecords(log)).toEqual(['0=a', '1=b', '2=c', '3=d'])
  },
)

it('shows an acknowledged batch once it is durable, and wakes those who wait for it', async () => {
  const log = await oneLog(await temporaryDir(), { fsync: 'interval' })
  const readable = new Promise<void>((resolve) => log.onReadable(resolve))

  await log.append(batchOf(['a', 'b']))
  await readable

  expect(log.highWatermark).toBe(2)
  expect(recordsIn(await log.read(0, 1_000, { upTo: 'lso' }))).toEqual(['0=a', '1=b'])
})

it('has durable what it acknowledges with fsync always', async () => {
  const log = await oneLog(await temporaryDir(), { fsync: 'always' })

  await log.append(batchOf(['a']))

  expect(log.highWatermark).toBe(1)
})

it('begins with the batch that holds the offset and stops at maxBytes, but never inside a batch', async () => {
  const dir = await temporaryDir()
  const log = await oneLog(dir)
  const size = batchOf(['aa', 'bb']).length
  for (const values of [
    ['aa', 'bb'],
    ['cc', 'dd'],
    ['ee', 'ff'],
    ['gg', 'hh'],
  ])
    await log.append(batchOf(values))
  await log.settled()
  const reopened = await oneLog(await crashCopy(dir))

  // From memory and from the files.
  for (const one of [log, reopened]) {
    expect(baseOffsets(await one.read(3, 2 * size, { upTo: 'hw' }))).toEqual([2, 4])
    expect(baseOffsets(await one.read(3, 2 * size - 1, { upTo: 'hw' }))).toEqual([2])
    expect(baseOffsets(await one.read(5, 1, { upTo: 'hw' }))).toEqual([4])
    expect(baseOffsets(await one.read(0, 1_000_000, { upTo: 'hw' }))).toEqual([0, 2, 4, 6])
    expect(await one.read(8, 1_000, { upTo: 'hw' })).toHaveLength(0)
    await expect(one.read(9, 1_000, { upTo: 'hw' })).rejects.toMatchObject({ kafkaError: 1 })
  }
  expect(log.readableBytes(3, { upTo: 'hw' })).toBe(3 * size)
  expect(log.readableBytes(8, { upTo: 'hw' })).toBe(0)
})

it('stamps its own time on a topic with LogAppendTime, and the checksum still fits', async () => {
  const dataDir = await openForTest(await temporaryDir())
  await dataDir.createTopic('clicks', 1, { 'message.timestamp.type': 'LogAppendTime' })

  const result = await logOf(dataDir).append(batchOf(['a'], { timestampsMs: [5] }))

  expect(result).toEqual({ baseOffset: 0, logAppendTimeMs: 1_000, duplicate: false })
  expect(await allRecords(logOf(dataDir))).toEqual(['0=a'])
  expect(await logOf(dataDir).offsetForTime(1_000)).toEqual({ offset: 0, timestampMs: 1_000 })
})

it('finds the first record at or after a time', async () => {
  const dir = await temporaryDir()
  const log = await oneLog(dir)
  await log.append(batchOf(['a', 'b'], { timestampsMs: [100, 200] }))
  await log.append(batchOf(['c', 'd'], { timestampsMs: [300, 250] }))
  await log.append(batchOf(['e'], { timestampsMs: [400] }))
  await log.settled()

  const at = (timestampMs: number): Promise<unknown> => log.offsetForTime(timestampMs)

  expect(await at(0)).toEqual({ offset: 0, timestampMs: 100 })
  expect(await at(199)).toEqual({ offset: 1, timestampMs: 200 })
  expect(await at(200)).toEqual({ offset: 1, timestampMs: 200 })
  expect(await at(201)).toEqual({ offset: 2, timestampMs: 300 })
  expect(await at(400)).toEqual({ offset: 4, timestampMs: 400 })
  expect(await at(401)).toBe(null)
})

it('wakes its readers and refuses everything once its topic is deleted', async () => {
  const dataDir = await openForTest(await temporaryDir())
  await dataDir.createTopic('clicks', 1, {})
  const log = logOf(dataDir)
  await log.append(batchOf(['a']))
  await log.settled()
  const woken = new Promise<void>((resolve) => log.onReadable(resolve))

  await dataDir.deleteTopic('clicks')
  await woken

  expect(dataDir.topics.has('clicks')).toBe(false)
  await expect(log.append(batchOf(['b']))).rejects.toMatchObject({ kafkaError: 3 })
  await expect(log.read(0, 1_000, { upTo: 'hw' })).rejects.toMatchObject({ kafkaError: 3 })
})

it('moves its start up for deleted records and remembers that', async () => {
  const dir = await temporaryDir()
  const log = await oneLog(dir)
  await log.append(batchOf(['a', 'b', 'c']))
  await log.append(batchOf(['d']))
  await log.settled()

  expect(await log.deleteRecordsBefore(2)).toBe(2)
  expect(await log.deleteRecordsBefore(1)).toBe(2)

  await expect(log.deleteRecordsBefore(5)).rejects.toMatchObject({ kafkaError: 1 })
  await expect(log.read(1, 1_000, { upTo: 'hw' })).rejects.toMatchObject({ kafkaError: 1 })
  expect(baseOffsets(await log.read(2, 1_000, { upTo: 'hw' }))).toEqual([0, 3])
  const reopened = await oneLog(await crashCopy(dir))
  expect(reopened.logStartOffset).toBe(2)
  expect(reopened.highWatermark).toBe(4)
})

/** Files of a few batches each, whose headers promise later times than their records have, as some clients write them. */
async function logOfPromises(dataDir: DataDir): Promise<PartitionLog> {
  await dataDir.createTopic('clicks', 1, {})
  const log = logOf(dataDir)
  const promises = Array.from({ length: 240 }, () => {
    const batch = batchOf(['a'], { timestampsMs: [100] })
    batch.writeBigInt64BE(5_000n, 35)
    setCrc(batch, 0, batch.length)
    return log.append(batch)
  })
  await Promise.all(promises)
  await log.append(batchOf(['z'], { timestampsMs: [5_000] }))
  await log.settled()
  return log
}

it('finds a record by its time while the files before it are removed', async () => {
  const log = await logOfPromises(await openForTest(await temporaryDir(), { segmentBytes: 600 }))

  const [found] = await Promise.all([log.offsetForTime(5_000), log.deleteRecordsBefore(239)])

  expect(found).toEqual({ offset: 240, timestampMs: 5_000 })
})

it('ends a search by time when its topic is deleted', async () => {
  const dataDir = await openForTest(await temporaryDir(), { segmentBytes: 600 })
  const log = await logOfPromises(dataDir)

  const search = expect(log.offsetForTime(5_000)).rejects.toMatchObject({ kafkaError: 3 })
  await Promise.all([search, dataDir.deleteTopic('clicks')])
})
