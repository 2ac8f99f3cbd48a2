import { describe, expect, it } from 'vitest'
import { countExpired, retentionOf } from '../../../../broker/embedded/disk/retention.ts'
import { createManualClock } from '../../../../runtime/clock.ts'
import { allRecords, batchOf, logFiles, logOf, oneLog, openForTest, temporaryDir } from './logs.ts'

const day = 86_400_000

describe('what has expired', () => {
  const segments = [10, 20, 30].map((maxTimestampMs, i) => ({
    byteLength: 100,
    nextOffset: (i + 1) * 5,
    maxTimestampMs,
  }))
  const now = { nowMs: 1_020, stableOffset: 15 }

  it('is what is older than the time, but never the newest', () => {
    expect(countExpired(segments, { retentionMs: 1_000, retentionBytes: -1 }, now)).toBe(1)
    expect(countExpired(segments, { retentionMs: 999, retentionBytes: -1 }, now)).toBe(2)
    expect(countExpired(segments, { retentionMs: 0, retentionBytes: -1 }, now)).toBe(2)
    expect(countExpired(segments, { retentionMs: -1, retentionBytes: -1 }, now)).toBe(0)
  })

  it('is what the rest is large enough without', () => {
    expect(countExpired(segments, { retentionMs: -1, retentionBytes: 300 }, now)).toBe(0)
    expect(countExpired(segments, { retentionMs: -1, retentionBytes: 201 }, now)).toBe(0)
    expect(countExpired(segments, { retentionMs: -1, retentionBytes: 200 }, now)).toBe(1)
    expect(countExpired(segments, { retentionMs: -1, retentionBytes: 0 }, now)).toBe(2)
  })

  it('is nothing that reaches beyond the last stable offset', () => {
    const policy = { retentionMs: 0, retentionBytes: -1 }

    expect(countExpired(segments, policy, { nowMs: 1_020, stableOffset: 5 })).toBe(1)
    expect(countExpired(segments, policy, { nowMs: 1_020, stableOffset: 4 })).toBe(0)
  })

  it('is nothing of a topic that is only compacted', () => {
    const defaults = { retentionMs: 7, retentionBytes: 8 }

    expect(retentionOf({}, defaults)).toEqual(defaults)
    expect(retentionOf({ 'retention.ms': '-1' }, defaults)).toEqual({ retentionMs: -1, retentionBytes: 8 })
    expect(retentionOf({ 'cleanup.policy': 'compact' }, defaults)).toEqual({
      retentionMs: -1,
      retentionBytes: -1,
    })
    expect(retentionOf({ 'cleanup.policy': 'compact,delete' }, defaults)).toEqual(defaults)
  })
})

it('begins a new file before one grows beyond its size, and reads across them', async () => {
  const dir = await temporaryDir()
  const segmentBytes = 2 * batchOf(['a']).length
  const log = await oneLog(dir, { segmentBytes })

  await Promise.all(['a', 'b', 'c', 'd', 'e'].map((value) => log.append(batchOf([value]))))

  expect(await logFiles(dir)).toEqual([0, 2, 4].map((offset) => `${String(offset).padStart(20, '0')}.log`))
  expect(await allRecords(log)).toEqual(['0=a', '1=b', '2=c', '3=d', '4=e'])
})

it('begins a new file after seven days', async () => {
  const dir = await temporaryDir()
  // Files carry the real time of their making.
  const clock = createManualClock(Date.now())
  const log = await oneLog(dir, { clock })
  await log.append(batchOf(['a']))
  clock.advance(7 * day - 60_000)
  await log.append(batchOf(['b']))
  expect(await logFiles(dir)).toHaveLength(1)

  clock.advance(120_000)
  await log.append(batchOf(['c']))

  expect(await logFiles(dir)).toHaveLength(2)
})

it('removes old files and moves the start of the log', async () => {
  const dir = await temporaryDir()
  const dataDir = await openForTest(dir, { segmentBytes: 2 * batchOf(['a']).length })
  await dataDir.createTopic('clicks', 1, { 'retention.ms': String(day) })
  const log = logOf(dataDir)
  for (const [i, value] of ['a', 'b', 'c', 'd', 'e'].entries()) {
    await log.append(batchOf([value], { timestampsMs: [i * 1_000] }))
  }
  await log.settled()

  await dataDir.enforceRetention(day + 1_001)

  expect(log.logStartOffset).toBe(2)
  expect(await allRecords(log)).toEqual(['2=c', '3=d', '4=e'])
  await expect(log.read(1, 1_000, { upTo: 'hw' })).rejects.toMatchObject({ kafkaError: 1 })
  expect(await logFiles(dir)).toHaveLength(2)
  await dataDir.close()
  expect((await oneLog(dir)).logStartOffset).toBe(2)
})

it('obeys a changed setting at once', async () => {
  const dataDir = await openForTest(await temporaryDir(), { segmentBytes: 100 })
  await dataDir.createTopic('clicks', 1, { 'retention.bytes': '-1', 'retention.ms': '-1' })
  const log = logOf(dataDir)
  for (const value of ['a', 'b', 'c']) await log.append(batchOf([value]))
  await log.settled()
  await dataDir.enforceRetention(100 * day)
  expect(log.logStartOffset).toBe(0)

  await dataDir.setTopicConfig('clicks', { 'retention.bytes': '100', 'retention.ms': '-1' })
  await dataDir.enforceRetention(100 * day)

  expect(log.logStartOffset).toBe(1)
})
