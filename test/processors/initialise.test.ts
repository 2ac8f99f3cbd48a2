import { describe, expect, it } from 'vitest'
import { BrokerUnavailable } from '../../broker/client/errors.ts'
import { parseCheckpoint } from '../../processors/checkpoint.ts'
import { flush } from '../../processors/flush.ts'
import type { InitialiseParts } from '../../processors/initialise.ts'
import { initialise } from '../../processors/initialise.ts'
import { createTenure } from '../../processors/tenure.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMemoryStore } from '../../storage/index.ts'
import { parseCommit } from '../../table/log/parse.ts'
import { commitKey } from '../../table/log/versions.ts'
import { progressActions, readProgress } from '../../table/progress.ts'
import type { TableRows } from '../../table/rows.ts'
import { openBareTable } from './sink/bare-table.ts'
import { createFakeGroup } from './sink/fake-group.ts'
import { sealedTo } from './sink/sealed.ts'

const options = { group: 'dataflow', topic: 'events', startAt: 'earliest' } as const

async function setUp() {
  const store = createMemoryStore()
  const files = new Map<string, TableRows>()
  const table = await openBareTable({ store, clock: systemClock, files })
  const group = createFakeGroup({
    0: { startOffset: 10, endOffset: 100 },
    1: { startOffset: 0, endOffset: 50 },
  })
  const parts: InitialiseParts = { kafka: group.kafka, table, log: silentLogger }
  const tenure = createTenure([0, 1], 1, 'member-1')
  const put = (partition: number, nextOffset: number) =>
    table.commit(() => ({ actions: progressActions(options, [{ partition, nextOffset }]), info: {} }))
  const gapsOf = async (version: number) => {
    const actions = parseCommit(await store.get(commitKey(version)), '')
    const [info] = actions.flatMap((action) => (action.kind === 'commitInfo' ? [action.info] : []))
    return info?.gaps
  }
  return { table, group, parts, tenure, put, gapsOf, files }
}

describe('INIT', () => {
  it('places all partitions with one table commit and one Kafka commit', async () => {
    const { parts, tenure, table, group } = await setUp()

    const result = await initialise(parts, options, tenure, [0, 1])

    expect(result).toMatchObject({
      kind: 'ready',
      positions: [
        { partition: 0, nextOffset: 10, epoch: 0, watermarkMs: null },
        { partition: 1, nextOffset: 0, epoch: 0, watermarkMs: null },
      ],
      halted: [],
    })
    expect(table.snapshot().version).toBe(1)
    expect(parseCheckpoint(group.committed.get(0)?.metadata ?? '')).toEqual({
      tableId: 'ab12cd34',
      topic: 'events',
      partition: 0,
      offset: 10,
      version: 1,
    })
    expect(group.committed.get(1)).toMatchObject({ offset: 0 })
  })

  it('resumes without a table commit, with the epoch and the watermark of the table', async () => {
    const { parts, tenure, table, group } = await setUp()
    await table.commit(() => ({
      actions: progressActions(options, [{ partition: 1, nextOffset: 20, epoch: 3, watermarkMs: 5_000 }]),
      info: {},
    }))

    const result = await initialise(parts, options, tenure, [1])

    expect(result).toMatchObject({
      kind: 'ready',
      positions: [{ partition: 1, nextOffset: 20, epoch: 3, watermarkMs: 5_000 }],
    })
    expect(table.snapshot().version).toBe(1)
    expect(group.committed.get(1)).toMatchObject({ offset: 20 })
  })

  it('puts the gap on record when retention ate unread offsets (D5)', async () => {
    const { parts, tenure, put, gapsOf } = await setUp()
    await put(0, 4)

    const result = await initialise(parts, options, tenure, [0])

    expect(result).toMatchObject({ positions: [{ partition: 0, nextOffset: 10 }] })
    expect(await gapsOf(2)).toEqual([{ partition: 0, from: 4, to: 10 }])
  })

  it('halts one partition and goes on with the others, leaving its offset in Kafka alone', async () => {
    const { parts, tenure, put, group } = await setUp()
    await put(0, 60)
    await put(1, 20)
    group.committed.set(0, { offset: 30, metadata: '' })

    const result = await initialise(parts, options, tenure, [0, 1])

    expect(result).toMatchObject({
      kind: 'ready',
      positions: [{ partition: 1, nextOffset: 20 }],
      halted: [{ partition: 0, reason: 'backward_reset' }],
    })
    expect(group.committed.get(0)).toEqual({ offset: 30, metadata: '' })
  })

  it('goes on once the backward reset is undone', async () => {
    const { parts, tenure, put, group } = await setUp()
    await put(0, 60)
    group.committed.set(0, { offset: 60, metadata: '' })

    const result = await initialise(parts, options, tenure, [0])

    expect(result).toMatchObject({ positions: [{ partition: 0, nextOffset: 60 }], halted: [] })
  })

  it('begins again when the old owner flushed between the reading and the Kafka commit', async () => {
    const { parts, tenure, put, table, group } = await setUp()
    await put(1, 20)
    let zombie = true
    parts.onStep = async (step) => {
      if (step !== 'init_kafka_committed' || !zombie) return
      zombie = false
      await put(1, 25)
    }

    const result = await initialise(parts, options, tenure, [1])

    expect(result).toMatchObject({ positions: [{ partition: 1, nextOffset: 25 }] })
    expect(readProgress(table.snapshot(), options).get(1)?.nextOffset).toBe(25)
    expect(group.committed.get(1)).toMatchObject({ offset: 25 })
  })

  it('loses the first position of a partition to another member, and takes the one that won', async () => {
    const { parts, tenure, put, table } = await setUp()
    let rival = true
    parts.onStep = async (step) => {
      if (step !== 'init_facts_read' || !rival) return
      rival = false
      await put(0, 42)
    }

    const result = await initialise(parts, options, tenure, [0])

    expect(result).toMatchObject({ positions: [{ partition: 0, nextOffset: 42 }] })
    expect(table.snapshot().version).toBe(1)
  })

  it('does not take the first checkpoint of another member for one of a lost table', async () => {
    const { parts, tenure, table } = await setUp()
    const other = createTenure([0], 1, 'member-1')
    const meanwhile = async <T>(read: Promise<T>): Promise<T> => {
      const answer = await read
      await initialise({ ...parts, table, kafka }, options, other, [0])
      return answer
    }
    const { kafka } = parts
    parts.table = { ...table, refresh: () => meanwhile(table.refresh()) }

    const result = await initialise(parts, options, tenure, [0])

    expect(result).toMatchObject({ kind: 'ready', positions: [{ nextOffset: 10 }], halted: [] })
  })

  it('ends the tenure when the group has moved on', async () => {
    const { parts, tenure, group } = await setUp()
    group.generationId = 2

    expect(await initialise(parts, options, tenure, [0])).toEqual({ kind: 'ended' })
    expect(tenure.signal.aborted).toBe(true)
    expect(group.committed.size).toBe(0)
  })

  it('fails with a remedy of retry when the Kafka commit does not succeed', async () => {
    const { parts, tenure, group } = await setUp()
    parts.kafka = {
      ...group.kafka,
      commitOffsets: async () => {
        throw new BrokerUnavailable('no broker')
      },
    }

    await expect(initialise(parts, options, tenure, [0])).rejects.toMatchObject({ remedy: 'retry' })
  })

  it('halts rather than go beyond rows that are past the position', async () => {
    const { parts, tenure, put, table, group } = await setUp()
    await put(1, 0)
    const position = {
      partition: 1,
      nextOffset: 0,
      epoch: 0,
      watermarkMs: null,
      idleAtOffset: null,
      rewindTo: null,
    }
    const flushing = {
      kafka: group.kafka,
      table,
      deadLetters: { send: async () => {} },
      clock: systemClock,
      log: silentLogger,
    }
    await flush(flushing, options, tenure, [sealedTo(position, 30)])
    await put(1, 20)

    const result = await initialise(parts, options, tenure, [1])

    expect(result).toMatchObject({
      positions: [],
      halted: [{ partition: 1, reason: 'rows_beyond_position' }],
    })
  })
})
