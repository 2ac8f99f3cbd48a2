import { afterEach, beforeEach, expect, it } from 'vitest'
import { group, openSinkBench, type SinkBench, topic } from './sink-bench.ts'

let bench: SinkBench
beforeEach(async () => {
  bench = await openSinkBench()
  await bench.publish(1_000)
  const member = bench.startMember()
  await expect.poll(() => bench.isCaughtUp(), soon).toBe(true)
  await member.stop()
})
afterEach(() => bench.close())

const soon = { timeout: 30_000, interval: 50 }

it('resumes at the table after the offsets of the group were deleted', async () => {
  await bench.admin((admin) => admin.deleteGroups([group]))
  await bench.publish(500)

  bench.startMember()
  await expect.poll(() => bench.isCaughtUp(), soon).toBe(true)

  expect(await bench.totals()).toEqual(bench.expected)
})

it('halts when the topic was recreated, and says so', async () => {
  const before = await bench.totals()
  await bench.restartBroker({ keepData: false })
  await bench.publish(100)

  const member = bench.startMember()
  await expect.poll(() => member.progress.at(-1)?.halted.length, soon).toBe(2)

  expect(member.progress.at(-1)?.halted[0]).toMatchObject({ partition: 0, reason: 'log_truncated' })
  expect(await bench.totals()).toEqual(before)
  expect(await bench.positions()).toEqual([500, 500])
})

it('refuses a backward reset of one partition, counts the other, and goes on once it is undone', async () => {
  await bench.admin((admin) =>
    admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '100' }] }),
  )
  await bench.publish(100)
  const member = bench.startMember()
  await expect.poll(() => bench.positions(), soon).toEqual([500, 550])
  expect(member.progress.at(-1)?.halted).toMatchObject([{ partition: 0, reason: 'backward_reset' }])
  await member.stop()

  await bench.admin((admin) =>
    admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '500' }] }),
  )
  bench.startMember()
  await expect.poll(() => bench.isCaughtUp(), soon).toBe(true)

  expect(await bench.totals()).toEqual(bench.expected)
})

it('ignores a forward reset: nothing is skipped (D5)', async () => {
  await bench.publish(100)
  await bench.admin((admin) =>
    admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 1, offset: '540' }] }),
  )

  bench.startMember()
  await expect.poll(() => bench.isCaughtUp(), soon).toBe(true)

  expect(await bench.totals()).toEqual(bench.expected)
})

it('halts rather than count anew when the table was deleted and the offsets were not', async () => {
  await bench.deleteTable()

  const member = bench.startMember()
  await expect.poll(() => member.progress.at(-1)?.halted.length, soon).toBe(2)

  expect(member.progress.at(-1)?.halted[0]).toMatchObject({ partition: 0, reason: 'table_lost' })
  expect(await bench.positions()).toEqual([])
})

it('reads a partition that was added from its first record', async () => {
  await bench.admin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }))
  await bench.publishTo(2, 40)

  bench.startMember()
  await expect.poll(() => bench.positions(), soon).toEqual([500, 500, 40])

  expect(await bench.totals()).toEqual(bench.expected)
})
