import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openDataDir } from '../../../../broker/embedded/disk/index.ts'
import { systemClock } from '../../../../runtime/clock.ts'
import { silentLogger } from '../../../../runtime/log.ts'
import { allRecords, batchOf, crashCopy, logOf, openForTest, partitionDir, temporaryDir } from './logs.ts'

it('keeps its cluster id, topics, settings and partitions', async () => {
  const dir = await temporaryDir()
  const first = await openForTest(dir)
  await first.createTopic('clicks', 2, { 'retention.ms': '-1' })
  await first.addPartitions('clicks', 3)
  await first.createTopic('views', 1, {})
  await first.setTopicConfig('views', { 'cleanup.policy': 'compact' })
  await logOf(first, 'clicks', 2).append(batchOf(['a']))
  const { clusterId } = first

  const second = await openForTest(await crashCopy(dir))

  expect(second.clusterId).toBe(clusterId)
  expect(clusterId).toMatch(/^[\w-]{22}$/)
  expect([...second.topics.keys()]).toEqual(['clicks', 'views'])
  expect(second.topics.get('clicks')?.config).toEqual({ 'retention.ms': '-1' })
  expect(second.topics.get('clicks')?.partitions).toHaveLength(3)
  expect(second.topics.get('views')?.config).toEqual({ 'cleanup.policy': 'compact' })
  expect(await allRecords(logOf(second, 'clicks', 2))).toEqual(['0=a'])
})

it('makes a topic once, also when asked twice in one tick', async () => {
  const dataDir = await openForTest(await temporaryDir())

  const outcomes = await Promise.allSettled([
    dataDir.createTopic('clicks', 1, {}),
    dataDir.createTopic('clicks', 2, {}),
  ])

  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  await expect(dataDir.createTopic('clicks', 1, {})).rejects.toMatchObject({ kafkaError: 36 })
  expect(dataDir.topics.get('clicks')?.partitions).toHaveLength(1)
})

it('forgets a deleted topic with its events and offsets, so that a new one of that name begins empty', async () => {
  const dir = await temporaryDir()
  const dataDir = await openForTest(dir)
  await dataDir.createTopic('clicks', 1, {})
  await dataDir.createTopic('views', 1, {})
  await logOf(dataDir).append(batchOf(['a']))
  const row = { partition: 0, leaderEpoch: 0, metadata: '' }
  await dataDir.offsets.commit('group', [
    { topic: 'clicks', offset: 1, ...row },
    { topic: 'views', offset: 2, ...row },
  ])

  await dataDir.deleteTopic('clicks')
  await dataDir.deleteTopic('clicks')
  await dataDir.createTopic('clicks', 1, {})

  expect(logOf(dataDir).highWatermark).toBe(0)
  expect(await logOf(dataDir).append(batchOf(['b']))).toMatchObject({ baseOffset: 0 })
  const second = await openForTest(await crashCopy(dir))
  expect(await allRecords(logOf(second))).toEqual(['0=b'])
  expect([...(second.offsets.groups.get('group')?.offsets.keys() ?? [])]).toEqual(['views'])
  expect(await readdir(join(dir, 'deleted'))).toEqual([])
})

it('completes a deletion that was cut short', async () => {
  const running = await temporaryDir()
  const first = await openForTest(running)
  await first.createTopic('clicks', 1, {})
  await logOf(first).append(batchOf(['a']))
  const dir = await crashCopy(running)
  await mkdir(join(dir, 'deleted', 'topic-x'))
  await rename(join(dir, 'topics', 'clicks'), join(dir, 'deleted', 'topic-x', 'clicks'))

  const second = await openForTest(dir)

  expect(second.topics.size).toBe(0)
  expect(await readdir(join(dir, 'deleted'))).toEqual([])
})

it('removes the empty folder of a creation that was cut short, and takes up events the state log lost', async () => {
  const running = await temporaryDir()
  const first = await openForTest(running)
  await first.createTopic('clicks', 2, {})
  await logOf(first, 'clicks', 1).append(batchOf(['a']))
  const dir = await crashCopy(running)
  await rm(join(dir, 'state.log'))
  await mkdir(partitionDir(dir, 'half-made'), { recursive: true })

  const second = await openForTest(dir)

  expect([...second.topics.keys()]).toEqual(['clicks'])
  expect(await readdir(join(dir, 'topics'))).toEqual(['clicks'])
  expect(await allRecords(logOf(second, 'clicks', 1))).toEqual(['0=a'])
})

it('keeps committed offsets of any value, and generations', async () => {
  const dir = await temporaryDir()
  const dataDir = await openForTest(dir)
  await dataDir.createTopic('clicks', 4, {})
  const values = [42, -1, -2, 2 ** 63]
  await dataDir.offsets.commit(
    'group',
    values.map((offset, partition) => ({
      topic: 'clicks',
      partition,
      offset,
      leaderEpoch: -1,
      metadata: 'né',
    })),
  )
  await dataDir.offsets.setGeneration('group', 9)
  await dataDir.offsets.commit('gone', [
    { topic: 'clicks', partition: 0, offset: 1, leaderEpoch: 0, metadata: '' },
  ])
  await dataDir.offsets.deleteGroup('gone')
  await dataDir.offsets.deleteOffsets('group', [{ topic: 'clicks', partition: 0 }])

  const { offsets } = await openForTest(await crashCopy(dir))

  expect([...offsets.groups.keys()]).toEqual(['group'])
  expect(offsets.groups.get('group')?.generation).toBe(9)
  const clicks = offsets.groups.get('group')?.offsets.get('clicks')
  expect([...(clicks?.entries() ?? [])]).toEqual([
    [1, { offset: -1, leaderEpoch: -1, metadata: 'né', committedMs: 1_000 }],
    [2, { offset: -2, leaderEpoch: -1, metadata: 'né', committedMs: 1_000 }],
    [3, { offset: 2 ** 63, leaderEpoch: -1, metadata: 'né', committedMs: 1_000 }],
  ])
})

it('never gives a producer id twice', async () => {
  const dir = await temporaryDir()
  const first = await openForTest(dir)
  const ids = await Promise.all(Array.from({ length: 1_500 }, () => first.allocateProducerId()))

  const second = await openForTest(await crashCopy(dir))
  ids.push(await second.allocateProducerId())

  expect(new Set(ids).size).toBe(1_501)
})

it('refuses a directory that is in use, and says which and what to do', async () => {
  const dir = await temporaryDir()
  const first = await openForTest(dir)
  const again = (): Promise<unknown> =>
    openDataDir({ dir, log: silentLogger, clock: systemClock, fsync: 'never' })

  await expect(again()).rejects.toMatchObject({ code: 'SETUP', message: expect.stringContaining(dir) })
  await expect(again()).rejects.toThrow(/in use by another broker; stop that one, or give this one/)

  await first.close()
  const second = await openForTest(dir)
  expect(second.clusterId).toBe(first.clusterId)
})

it('refuses a directory whose lock file names a living process, out of reach of the socket', async () => {
  const dir = await temporaryDir()
  const holder = await openForTest(dir)
  const lock: unknown = JSON.parse(await readFile(join(dir, '.lock'), 'utf8'))
  await holder.close()
  // The parent of this process lives for sure, and so do its start ticks.
  const status = await readFile(`/proc/${process.ppid}/stat`, 'utf8')
  const startTicks = status.slice(status.lastIndexOf(')') + 2).split(' ')[19]
  const foreign = { ...(lock as object), pid: process.ppid, startTicks }
  await writeFile(join(dir, '.lock'), JSON.stringify(foreign))

  await expect(openForTest(dir)).rejects.toThrow(`(pid ${process.ppid})`)

  await writeFile(join(dir, '.lock'), JSON.stringify({ ...foreign, startTicks: '1' }))
  await openForTest(dir)
})

it('refuses a directory of another format', async () => {
  const dir = await temporaryDir()
  await writeFile(join(dir, 'meta.json'), '{"formatVersion":2,"clusterId":"x"}')

  await expect(openForTest(dir)).rejects.toThrow(/not of data format 1/)
})

it('keeps the state log small however often offsets are committed', async () => {
  const dir = await temporaryDir()
  const dataDir = await openForTest(dir)
  await dataDir.createTopic('clicks', 1, {})
  const metadata = 'm'.repeat(4_000)

  let largest = 0
  for (let offset = 0; offset < 300; offset++) {
    await dataDir.offsets.commit('group', [
      { topic: 'clicks', partition: 0, offset, leaderEpoch: 0, metadata },
    ])
    largest = Math.max(largest, (await stat(join(dir, 'state.log'))).size)
  }

  expect(largest).toBeGreaterThan(200_000)
  expect(largest).toBeLessThan(300_000)
  const { offsets } = await openForTest(await crashCopy(dir))
  expect(offsets.groups.get('group')?.offsets.get('clicks')?.get(0)?.offset).toBe(299)
})

it('cuts off the torn end of the state log and keeps what is before', async () => {
  const running = await temporaryDir()
  const first = await openForTest(running)
  await first.createTopic('clicks', 1, {})
  await first.createTopic('views', 1, {})
  const dir = await crashCopy(running)
  const bytes = await readFile(join(dir, 'state.log'))
  await writeFile(join(dir, 'state.log'), Buffer.concat([bytes.subarray(0, -3), Buffer.alloc(100)]))

  const second = await openForTest(dir)

  expect([...second.topics.keys()]).toEqual(['clicks'])
  await second.createTopic('sales', 1, {})
  const third = await openForTest(await crashCopy(dir))
  expect([...third.topics.keys()]).toEqual(['clicks', 'sales'])
})

it('never shrinks a topic that two ask to grow at once', async () => {
  const dir = await temporaryDir()
  const dataDir = await openForTest(dir)
  await dataDir.createTopic('clicks', 1, {})

  await Promise.all([dataDir.addPartitions('clicks', 5), dataDir.addPartitions('clicks', 3)])
  await dataDir.close()

  const reopened = await openForTest(dir)
  expect(reopened.topics.get('clicks')?.partitions).toHaveLength(5)
})

it('closes all the rest, and lets go of the directory, when one partition cannot be closed in order', async () => {
  const dir = await temporaryDir()
  const dataDir = await openForTest(dir)
  await dataDir.createTopic('clicks', 2, {})
  await logOf(dataDir, 'clicks', 1).append(batchOf(['a']))
  // Where the list of its producers would be written.
  await mkdir(join(partitionDir(dir, 'clicks', 0), 'producers.snap.tmp'))

  await dataDir.close()

  expect(Object.keys(JSON.parse(await readFile(join(dir, 'clean-stop.json'), 'utf8')))).toEqual(['clicks/1'])
  const reopened = await openForTest(dir)
  expect(await allRecords(logOf(reopened, 'clicks', 1))).toEqual(['0=a'])
})
