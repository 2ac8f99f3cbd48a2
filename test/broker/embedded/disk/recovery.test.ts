import { appendFile, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import {
  allRecords,
  batchOf,
  crashCopy,
  logFiles,
  logOf,
  oneLog,
  openForTest,
  partitionDir,
  temporaryDir,
} from './logs.ts'

const firstLog = '00000000000000000000.log'

/** A directory whose holder was killed after it acknowledged three batches: a b | c d | e. */
async function afterCrash(): Promise<{ dir: string; file: string; sizes: number[] }> {
  const running = await temporaryDir()
  const log = await oneLog(running)
  const batches = [batchOf(['a', 'b']), batchOf(['c', 'd']), batchOf(['e'])]
  const sizes = batches.map((batch) => batch.length)
  for (const batch of batches) await log.append(batch)
  const dir = await crashCopy(running)
  return { dir, file: join(partitionDir(dir), firstLog), sizes }
}

const whole = ['0=a', '1=b', '2=c', '3=d', '4=e']

it('has every acknowledged batch after a kill, and goes on after them', async () => {
  const { dir } = await afterCrash()

  const log = await oneLog(dir)

  expect(log.highWatermark).toBe(5)
  expect(await allRecords(log)).toEqual(whole)
  expect(await log.append(batchOf(['f']))).toMatchObject({ baseOffset: 5 })
  expect(await allRecords(log)).toEqual([...whole, '5=f'])
})

const tails: [string, Buffer][] = [
  [
    'random bytes',
    Buffer.from('what a torn sector may hold, which is more than one header long, and then some more'),
  ],
  ['a few bytes', Buffer.from([1, 2, 3])],
  ['half a batch', batchOf(['never acknowledged']).subarray(0, 70)],
  ['zeros', Buffer.alloc(10_000)],
  ['a sound batch with an offset that does not follow', batchOf(['x'])],
]
it.each(tails)('cuts off %s at the end', async (_name, tail) => {
  const { dir, file } = await afterCrash()
  const { size } = await stat(file)
  await appendFile(file, tail)

  const log = await oneLog(dir)

  expect(await allRecords(log)).toEqual(whole)
  expect((await stat(file)).size).toBe(size)
  expect(await log.append(batchOf(['f']))).toMatchObject({ baseOffset: 5 })
})

it.each([1, 11, 12, 60, 61, 65])('drops a batch of which only %i bytes were written', async (bytes) => {
  const { dir, file, sizes } = await afterCrash()
  await truncate(file, (sizes[0] ?? 0) + (sizes[1] ?? 0) + bytes)

  const log = await oneLog(dir)

  expect(await allRecords(log)).toEqual(['0=a', '1=b', '2=c', '3=d'])
})

it('drops a batch with a flipped bit, and all after it', async () => {
  const { dir, file, sizes } = await afterCrash()
  const bytes = await readFile(file)
  const at = (sizes[0] ?? 0) + 65
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  await writeFile(file, bytes)

  const log = await oneLog(dir)

  expect(await allRecords(log)).toEqual(['0=a', '1=b'])
  expect(await log.append(batchOf(['f']))).toMatchObject({ baseOffset: 2 })
})

it('rebuilds indexes that are missing, damaged or of another log', async () => {
  const dir = await temporaryDir()
  const first = await openForTest(dir, { segmentBytes: 100_000 })
  await first.createTopic('clicks', 1, {})
  const value = 'v'.repeat(1_000)
  for (let i = 0; i < 300; i++) await logOf(first).append(batchOf([value], { timestampsMs: [i] }))
  await first.close()
  const indexes = (await readdir(partitionDir(dir))).filter((name) => name.endsWith('.idx')).sort()
  expect(indexes.length).toBe(4)
  const path = (i: number): string => join(partitionDir(dir), indexes[i] ?? '')
  await rm(path(0))
  await truncate(path(1), 60)
  await writeFile(path(2), await readFile(path(3)))

  const log = await oneLog(dir, { segmentBytes: 100_000 })

  expect((await allRecords(log, 5_000)).length).toBe(300)
  for (const offset of [0, 50, 93, 94, 150, 200, 299]) {
    expect(await log.offsetForTime(offset)).toEqual({ offset, timestampMs: offset })
  }
})

it('sets aside a log file that does not continue the one before', async () => {
  const running = await temporaryDir()
  const before = await oneLog(running, { segmentBytes: 200 })
  for (const value of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await before.append(batchOf([value]))
  const dir = await crashCopy(running)
  const files = await logFiles(dir)
  expect(files.length).toBe(4)
  await rm(join(partitionDir(dir), files[1] ?? ''))

  const log = await oneLog(dir, { segmentBytes: 200 })

  expect(await allRecords(log)).toEqual(['0=a', '1=b'])
  const aside = (await readdir(partitionDir(dir))).filter((name) => name.endsWith('.bad'))
  expect(aside.sort()).toEqual([`${files[2]}.bad`, `${files[3]}.bad`])
})

it('does not believe the mark of an orderly stop when the log is shorter than it says', async () => {
  const dir = await temporaryDir()
  const first = await openForTest(dir)
  await first.createTopic('clicks', 1, {})
  await logOf(first).append(batchOf(['a']))
  await logOf(first).append(batchOf(['b']))
  await first.close()
  await truncate(join(partitionDir(dir), firstLog), 100)

  const log = await oneLog(dir)

  expect(await allRecords(log)).toEqual(['0=a'])
})

it('stops a partition for good when a write fails, and goes on reading', async () => {
  const dir = await temporaryDir()
  const dataDir = await openForTest(dir, { segmentBytes: 100 })
  await dataDir.createTopic('clicks', 1, {})
  const log = logOf(dataDir)
  await log.append(batchOf(['a']))
  await log.settled()
  // The next segment's file is there already, which the log takes for another writer.
  const intruder = await open(join(partitionDir(dir), '00000000000000000001.log'), 'wx')
  await intruder.close()

  await expect(log.append(batchOf(['b']))).rejects.toMatchObject({ kafkaError: 56 })
  await expect(log.append(batchOf(['c']))).rejects.toMatchObject({ kafkaError: 56 })

  expect(log.highWatermark).toBe(1)
  expect(await allRecords(log)).toEqual(['0=a'])
})
