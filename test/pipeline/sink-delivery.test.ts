import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Crash, group, openSinkBench, type SinkBench, type Step, topic } from './sink-bench.ts'

let bench: SinkBench
beforeEach(async () => {
  bench = await openSinkBench()
})
afterEach(() => bench.close())

const soon = { timeout: 30_000, interval: 50 }

async function expectExactTotals(): Promise<void> {
  await expect.poll(() => bench.isCaughtUp(), soon).toBe(true)
  expect(await bench.totals()).toEqual(bench.expected)
  expect(await bench.deadLetters()).toBe(bench.bad)
}

it('counts what was published, once, beside an independent count, with the bad records in dead letters (D1, D6)', async () => {
  await bench.publish(3_000)

  bench.startMember()
  await expectExactTotals()
  await bench.publish(500)

  await expectExactTotals()
  expect(bench.expected.get('click')?.count).toBeGreaterThan(1_000)
  expect(bench.bad).toBe(70)
})

describe('after a crash and a restart the totals are the same', () => {
  it.each<[Step, nth: number]>([
    ['init_facts_read', 1],
    ['init_table_committed', 1],
    ['init_kafka_committed', 1],
    ['flush_begun', 1],
    ['flush_dead_letters_sent', 2],
    ['flush_files_uploaded', 2],
    ['flush_table_committed', 2],
    ['flush_kafka_committed', 2],
  ])('at %s', async (step, nth) => {
    await bench.publish(1_000)
    let reached = 0
    const first = bench.startMember((at) => {
      if (at === step && ++reached === nth) throw new Crash(step)
    })
    const crashed = expect(first.running).rejects.toThrow(Crash)
    // A second batch for the flush at which the crash is due.
    await expect.poll(async () => reached > 0 || (await bench.isCaughtUp()), soon).toBe(true)
    await bench.publish(1_000)
    await crashed

    bench.startMember()

    await expectExactTotals()
  })
})

describe('a zombie', () => {
  it.each<Step>(['flush_dead_letters_sent', 'flush_files_uploaded', 'flush_table_committed'])(
    'that wakes up at %s after another member took over changes nothing (D3)',
    async (step) => {
      await bench.publish(1_000)
      let wake = (): void => {}
      const asleep = new Promise<void>((resolve) => {
        wake = resolve
      })
      let reached = false
      const zombie = bench.startMember(async (at) => {
        if (at !== step || reached) return
        reached = true
        await asleep
      })
      await expect.poll(() => reached, soon).toBe(true)
      // Out of the group without knowing it, as after a pause longer than the session.
      await zombie.membership()?.leave()
      bench.startMember()
      await bench.publish(1_000)
      await expectExactTotals()

      wake()
      await zombie.stop()

      expect(await bench.totals()).toEqual(bench.expected)
      expect(await bench.isCaughtUp()).toBe(true)
    },
  )
})

it('shares the partitions with a member that joins, and takes them over from one that stops', async () => {
  await bench.publish(1_000)
  const first = bench.startMember()
  await expectExactTotals()

  const second = bench.startMember()
  await expect.poll(() => second.progress.at(-1)?.partitions.length, soon).toBe(1)
  await bench.publish(1_000)
  await expectExactTotals()
  await first.stop()
  await bench.publish(1_000)

  await expectExactTotals()
})

it('flushes at a stop what it had read, and mirrors its positions to Kafka', async () => {
  await bench.publish(1_000)
  const member = bench.startMember()
  await expectExactTotals()

  await member.stop()

  const [offsets] = await bench.admin((admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }))
  expect(offsets?.partitions.map(({ partition, offset }) => [partition, offset])).toEqual([
    [0, '500'],
    [1, '500'],
  ])
  expect(offsets?.partitions[0]?.metadata).toContain('"dataflow":1')
})

it('waits for a broker that restarts, and goes on', async () => {
  await bench.publish(1_000)
  bench.startMember()
  await expectExactTotals()

  await bench.restartBroker({ keepData: true })
  await bench.publish(1_000)

  await expectExactTotals()
})
