import { describe, expect, it } from 'vitest'
import { BrokerUnavailable, CommitRejected } from '../../broker/client/errors.ts'
import { encodeCheckpoint } from '../../processors/checkpoint.ts'
import type { FlushParts, FlushStep } from '../../processors/flush.ts'
import { flush } from '../../processors/flush.ts'
import { createTenure } from '../../processors/tenure.ts'
import { createManualClock, systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import type { MemoryStoreOptions } from '../../storage/index.ts'
import { createMemoryStore } from '../../storage/index.ts'
import { progressActions, readProgress } from '../../table/progress.ts'
import type { TableRows } from '../../table/rows.ts'
import { openBareTable } from './sink/bare-table.ts'
import { createFakeGroup } from './sink/fake-group.ts'
import { sealedTo } from './sink/sealed.ts'

const key = { group: 'dataflow', topic: 'events' }
const start = (partition: number, nextOffset: number) => ({
  partition,
  nextOffset,
  epoch: 0,
  watermarkMs: null,
  idleAtOffset: null,
  rewindTo: null,
})

/** A table at offset 0 of partitions 0 and 1, whose logs hold 100 records each. */
async function setUp(storeOptions: MemoryStoreOptions = {}) {
  const store = createMemoryStore(storeOptions)
  const files = new Map<string, TableRows>()
  const clock = createManualClock(1_000)
  const open = () => openBareTable({ store, clock: systemClock, files })
  const table = await open()
  await table.commit(() => ({ actions: progressActions(key, [start(0, 0), start(1, 0)]), info: {} }))
  const group = createFakeGroup({
    0: { startOffset: 0, endOffset: 100 },
    1: { startOffset: 0, endOffset: 100 },
  })
  const steps: FlushStep[] = []
  const letters: string[] = []
  const parts: FlushParts = {
    kafka: group.kafka,
    table,
    deadLetters: {
      send: async (sent) => {
        letters.push(...sent.map(({ origin }) => origin))
      },
    },
    clock,
    log: silentLogger,
    onStep: (step) => {
      steps.push(step)
    },
  }
  const tenure = createTenure([0, 1], 1, 'member-1')
  const offsets = async () => {
    const progress = readProgress(await (await open()).refresh(), key)
    return [...progress.values()].map(({ nextOffset }) => nextOffset)
  }
  return { store, files, clock, table, open, group, parts, tenure, steps, letters, offsets }
}

describe('a flush', () => {
  it('sends dead letters, then files, then the table commit, then the Kafka commit (D2)', async () => {
    const { parts, tenure, steps, letters, group, offsets, table } = await setUp()

    const result = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10), sealedTo(start(1, 0), 5)])

    expect(result).toEqual({ kind: 'flushed', version: 2, lost: [] })
    expect(steps).toEqual([
      'flush_begun',
      'flush_dead_letters_sent',
      'flush_files_uploaded',
      'flush_table_committed',
      'flush_kafka_committed',
    ])
    expect(letters).toEqual(['events/0/3', 'events/0/8', 'events/1/3'])
    expect(await offsets()).toEqual([10, 5])
    expect(readProgress(table.snapshot(), key).get(0)).toMatchObject({ watermarkMs: 10_000 })
    expect(table.snapshot().files.size).toBe(1)
    expect(group.committed.get(0)).toEqual({
      offset: 10,
      metadata: encodeCheckpoint({
        tableId: 'ab12cd34',
        topic: 'events',
        partition: 0,
        offset: 10,
        version: 2,
      }),
    })
    expect(group.committed.get(1)).toMatchObject({ offset: 5 })
  })

  it('leaves out partitions that did not move, and does nothing when none did', async () => {
    const { parts, tenure, steps, group, offsets } = await setUp()

    const one = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10), sealedTo(start(1, 0), 0)])
    const none = await flush(parts, key, tenure, [sealedTo(start(0, 10), 10)])

    expect(one).toMatchObject({ version: 2 })
    expect(none).toEqual({ kind: 'flushed', version: null, lost: [] })
    expect(await offsets()).toEqual([10, 0])
    expect([...group.committed.keys()]).toEqual([0])
    expect(steps).toHaveLength(5)
  })

  it('moves the position without a file when all records were bad', async () => {
    const { parts, tenure, table, offsets } = await setUp()
    await flush(parts, key, tenure, [sealedTo(start(0, 0), 3)])
    const filesBefore = table.snapshot().files.size

    await flush(parts, key, tenure, [sealedTo(start(0, 3), 4)])

    expect(await offsets()).toEqual([4, 0])
    expect(table.snapshot().files.size).toBe(filesBefore)
  })

  it('drops what another member has moved, and flushes the rest with new files', async () => {
    const { parts, tenure, open, offsets, table, files, group } = await setUp()
    const other = await open()
    await other.commit(() => ({ actions: progressActions(key, [start(0, 7)]), info: {} }))

    const result = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10), sealedTo(start(1, 0), 5)])

    expect(result).toEqual({ kind: 'flushed', version: 3, lost: [0] })
    expect(await offsets()).toEqual([7, 5])
    expect(files.size).toBe(2)
    const [path = ''] = table.snapshot().files.keys()
    expect([...(files.get(path)?.kafkaPartition ?? [])]).toEqual([1])
    expect([...group.committed.keys()]).toEqual([1])
  })

  it('commits nothing when every partition was moved', async () => {
    const { parts, tenure, open, offsets, steps } = await setUp()
    await (await open()).commit(() => ({ actions: progressActions(key, [start(0, 7)]), info: {} }))

    const result = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])

    expect(result).toEqual({ kind: 'flushed', version: null, lost: [0] })
    expect(await offsets()).toEqual([7, 0])
    expect(steps).not.toContain('flush_table_committed')
  })

  it('loses to a rewind that moved away and back to the same offset', async () => {
    const { parts, tenure, open } = await setUp()
    await (await open()).commit(() => ({
      actions: progressActions(key, [{ partition: 0, nextOffset: 0, epoch: 1 }]),
      info: {},
    }))

    const result = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])

    expect(result).toEqual({ kind: 'flushed', version: null, lost: [0] })
  })

  it('writes nothing to the table once its tenure is over', async () => {
    const { parts, tenure, offsets, group } = await setUp()
    parts.onStep = (step) => {
      if (step === 'flush_files_uploaded') tenure.end()
    }

    const result = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])

    expect(result).toEqual({ kind: 'ended' })
    expect(await offsets()).toEqual([0, 0])
    expect(group.committed.size).toBe(0)
  })

  it('ends its tenure when the group has moved on, with the table commit standing', async () => {
    const { parts, tenure, offsets, group } = await setUp()
    group.generationId = 2

    const result = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])

    expect(result).toEqual({ kind: 'ended' })
    expect(tenure.signal.aborted).toBe(true)
    expect(await offsets()).toEqual([10, 0])
    expect(group.committed.size).toBe(0)
  })

  it.each([
    ['a broker that is away', new BrokerUnavailable('no broker')],
    ['a rebalance in progress', new CommitRejected('dataflow', 'REBALANCE_IN_PROGRESS')],
  ])(
    'makes one attempt at the Kafka commit and leaves it to the next flush after %s',
    async (_what, error) => {
      const { parts, tenure, group } = await setUp()
      let attempts = 0
      const { commitOffsets } = group.kafka
      parts.kafka = {
        commitOffsets: async (commit) => {
          if (attempts++ === 0) throw error
          return commitOffsets(commit)
        },
      }

      const first = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])
      const committedAfterFirst = group.committed.size
      await flush(parts, key, tenure, [sealedTo(start(0, 10), 12)])

      expect(first).toEqual({ kind: 'flushed', version: 2, lost: [] })
      expect(committedAfterFirst).toBe(0)
      expect(attempts).toBe(2)
      expect(group.committed.get(0)).toMatchObject({ offset: 12 })
    },
  )

  it('counts once when the answer to its table commit is lost', async () => {
    let faults = 1
    const { parts, tenure, offsets, table } = await setUp({
      faults: (operation, name) =>
        operation === 'putIfAbsent' && name.includes('0002') && faults-- > 0 ? 'lost_answer' : undefined,
    })

    const result = await flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])

    expect(result).toEqual({ kind: 'flushed', version: 2, lost: [] })
    expect(await offsets()).toEqual([10, 0])
    expect(table.snapshot().files.size).toBe(1)
  })

  it('waits for dead letters to be acknowledged before anything is counted', async () => {
    const { parts, tenure, clock, offsets, steps, letters } = await setUp()
    let away = true
    const { send } = parts.deadLetters
    parts.deadLetters = {
      send: async (sent) => {
        if (away) throw new BrokerUnavailable('no broker')
        return send(sent)
      },
    }

    const running = flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])
    await Promise.resolve()
    const stepsWhileAway = [...steps]
    const offsetsWhileAway = await offsets()
    away = false
    clock.advance(1_000)
    const result = await running

    expect(stepsWhileAway).toEqual(['flush_begun'])
    expect(offsetsWhileAway).toEqual([0, 0])
    expect(result).toMatchObject({ kind: 'flushed', lost: [] })
    expect(letters).toEqual(['events/0/3', 'events/0/8'])
  })

  it('stops waiting for a store that is away when its tenure ends', async () => {
    const { parts, tenure, offsets, table } = await setUp()
    const { StoreUnavailable } = await import('../../storage/index.ts')
    let uploads = 0
    parts.table = {
      ...table,
      writeFiles: async () => {
        uploads++
        throw new StoreUnavailable('503')
      },
    }

    const running = flush(parts, key, tenure, [sealedTo(start(0, 0), 10)])
    await expect.poll(() => uploads, { timeout: 20_000 }).toBe(1)
    tenure.end()

    expect(await running).toEqual({ kind: 'ended' })
    expect(await offsets()).toEqual([0, 0])
  })
})
