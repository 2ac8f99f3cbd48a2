import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { BrokerUnavailable, createRecordCursor, type DeadLetter } from '../../broker/index.ts'
import { createProjection, parseDimensions, parseEventMap } from '../../events/index.ts'
import { createAggregate } from '../../processors/aggregate.ts'
import type { ProcessorOptions, ProcessorParts, Progress } from '../../processors/index.ts'
import { runProcessor } from '../../processors/index.ts'
import type { Tenures } from '../../processors/tenure.ts'
import { systemClock } from '../../runtime/clock.ts'
import { SetupError } from '../../runtime/errors.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMemoryStore, StoreUnavailable } from '../../storage/index.ts'
import { progressActions, readProgress, rowList, type TableRow, type TableRows } from '../../table/index.ts'
import { openBareTable } from './sink/bare-table.ts'
import { createFakeTopic } from './sink/fake-topic.ts'

const defaults: ProcessorOptions = {
  group: 'dataflow',
  topic: 'events',
  startAt: 'earliest',
  flush: { intervalMs: 20, maxGroups: 200_000, maxBytes: 64 * 1024 * 1024 },
  fetch: { maxBytes: 1024 * 1024, maxWaitMs: 20, isolation: 'read_committed' },
  idleTimeoutMs: 60_000,
  shutdownTimeoutMs: 5_000,
  sessionTimeoutMs: 6_000,
}
/** Event number n happens in the n-th second of 2026; the types take turns. */
const event = (n: number): string =>
  JSON.stringify({
    event_type: ['click', 'view'][n % 2],
    timestamp: new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString(),
    value: n,
  })
const events = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => event(from + at))

/** Patient, for machines that are busy with something else. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 5 })

let stopAll: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stopAll) await stop()
  stopAll = []
})

async function setUp(options: Partial<ProcessorOptions> = {}) {
  const topic = createFakeTopic(2)
  const store = createMemoryStore()
  const files = new Map<string, TableRows>()
  const open = () => openBareTable({ store, clock: systemClock, files })
  const table = await open()
  const letters: DeadLetter[] = []
  const progress: Progress[] = []
  const joins: Pick<Tenures, 'onAssigned' | 'onRevoked' | 'onCrash'>[] = []
  let left = 0
  const parts: ProcessorParts = {
    kafka: topic.kafka,
    table,
    projection: createProjection({
      map: parseEventMap(''),
      timezone: 'UTC',
      dimensions: parseDimensions(''),
      maxFutureMs: 3_600_000,
    }),
    cursor: createRecordCursor(),
    createAggregate: (resumeWatermarkMs) =>
      createAggregate({
        windowMs: 60_000,
        allowedLatenessMs: 0,
        resumeWatermarkMs,
        dimensionCount: 0,
      }),
    clock: systemClock,
    log: silentLogger,
    join: async (callbacks) => {
      joins.push(callbacks)
      return {
        memberId: 'member-1',
        generationId: topic.group.generationId,
        leave: async () => {
          left++
        },
      }
    },
    openDeadLetters: async () => {
      const added: DeadLetter[] = []
      return {
        add: (letter) => added.push(letter),
        flush: async () => {
          letters.push(...added.splice(0))
        },
        close: async () => {},
      }
    },
    onProgress: (report) => progress.push(report),
  }
  const stop = new AbortController()
  let running: Promise<void> | null = null
  const reader = await open()
  const world = {
    topic,
    parts,
    letters,
    progress,
    joins,
    stop,
    left: () => left,
    start() {
      running = runProcessor({ ...defaults, ...options }, parts, stop.signal)
      running.catch(() => {}) // looked at by `finish`
      return running
    },
    async assign(partitions: number[], generationId = 1) {
      await eventually(() => joins.length).toBeGreaterThan(0)
      topic.group.generationId = generationId
      joins.at(-1)?.onAssigned(partitions, generationId, 'member-1')
    },
    async offsets() {
      const positions = readProgress(await reader.refresh(), defaults)
      return [0, 1].map((partition) => positions.get(partition)?.nextOffset ?? null)
    },
    async position(partition: number) {
      return readProgress(await reader.refresh(), defaults).get(partition) ?? null
    },
    async rows(): Promise<TableRow[]> {
      const paths = [...(await reader.refresh()).files.keys()]
      return paths.flatMap((path) => {
        const rows = files.get(path)
        return rows ? rowList(rows) : []
      })
    },
    async counted() {
      return (await world.rows()).reduce((sum, row) => sum + row.count, 0)
    },
    finish: async () => {
      stop.abort()
      await running
    },
  }
  stopAll.push(async () => {
    stop.abort()
    await running?.catch(() => {})
  })
  return world
}

describe('a processor', () => {
  it('counts what is in the log, by type and window, with the offsets of the events', async () => {
    const world = await setUp()
    world.topic.append(0, events(0, 90))

    void world.start()
    await world.assign([0, 1])
    await eventually(world.offsets).toEqual([90, 0])

    const rows = await world.rows()
    const minute = Date.UTC(2026, 0, 1)
    expect(
      rows.map(({ eventType, windowStartMs, count, valueSum, firstOffset, lastOffset }) => [
        eventType,
        windowStartMs - minute,
        count,
        valueSum,
        firstOffset,
        lastOffset,
      ]),
    ).toEqual([
      ['click', 0, 30, 870, 0, 58],
      ['click', 60_000, 15, 1_110, 60, 88],
      ['view', 0, 30, 900, 1, 59],
      ['view', 60_000, 15, 1_125, 61, 89],
    ])
    expect(await world.position(0)).toMatchObject({ watermarkMs: minute + 89_000 })
  })

  it('follows the log over many fetches and flushes without counting a record twice', async () => {
    const world = await setUp()
    void world.start()
    await world.assign([0, 1])

    for (let round = 0; round < 20; round++) {
      world.topic.append(0, events(round * 10, round * 10 + 10))
      world.topic.append(1, events(round * 5, round * 5 + 5))
      if (round % 7 === 6) await eventually(world.offsets).toEqual([round * 10 + 10, round * 5 + 5])
    }

    await eventually(world.offsets).toEqual([200, 100])
    expect(await world.counted()).toBe(300)
    expect(world.topic.group.committed.get(0)).toMatchObject({ offset: 200 })
  })

  it('buries bad records with their origin, reason and bytes, and goes on (D6)', async () => {
    const world = await setUp()
    world.topic.append(0, [event(0), 'not json', event(2), null, '{"timestamp":1767225600}'])

    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([5, null])

    expect(
      world.letters.map(({ origin, reason, value, stage }) => [
        origin,
        reason,
        value === null ? null : Buffer.from(value).toString(),
        stage,
      ]),
    ).toEqual([
      ['events/0/1', 'not_json', 'not json', 'process'],
      ['events/0/3', 'empty_value', null, 'process'],
      ['events/0/4', 'missing_event_type', '{"timestamp":1767225600}', 'process'],
    ])
    expect(await world.counted()).toBe(2)
  })

  it('begins in the middle of a batch when that is where the table stands', async () => {
    const world = await setUp()
    world.topic.append(0, events(0, 10))
    world.topic.group.committed.set(0, { offset: 4, metadata: '' })

    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([10, null])

    expect(await world.counted()).toBe(6)
  })

  it('flushes before the interval when the buffer is full', async () => {
    const world = await setUp({ flush: { intervalMs: 3_600_000, maxGroups: 3, maxBytes: 64 * 1024 * 1024 } })
    world.topic.append(0, events(0, 130))

    void world.start()
    await world.assign([0])

    await eventually(world.offsets).toEqual([130, null])
  })

  it('reads on while a flush is under way, but not when the next one is due', async () => {
    const world = await setUp({ flush: { ...defaults.flush, maxGroups: 1 } })
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { writeFiles } = world.parts.table
    let uploads = 0
    world.parts.table = {
      ...world.parts.table,
      writeFiles: async (...asked) => {
        if (uploads++ === 0) await held
        return writeFiles(...asked)
      },
    }
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(() => uploads).toBe(1)

    for (let round = 1; round <= 50; round++) world.topic.append(0, events(round * 10, round * 10 + 10))
    const fetchedTo = (): number => world.topic.fetches.at(-1)?.get(0) ?? 0
    await eventually(fetchedTo).toBeGreaterThan(10)
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    const whileHeld = fetchedTo()
    release()

    // One answer of three batches aggregated, at most one more fetched ahead.
    expect(whileHeld).toBeLessThanOrEqual(70)
    await eventually(world.offsets).toEqual([510, null])
    expect(await world.counted()).toBe(510)
  })
})

describe('a processor that loses its partitions', () => {
  it('drops what it holds at a revoke and reads it again under the next assignment', async () => {
    const world = await setUp({ flush: { ...defaults.flush, intervalMs: 3_600_000 } })
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(() => world.topic.fetches.at(-1)?.get(0)).toBe(10)

    world.joins[0]?.onRevoked()
    const before = world.topic.fetches.length
    await world.assign([0], 2)
    await eventually(() => world.topic.fetches.slice(before).map((asked) => asked.get(0))).toContain(10)
    await world.finish()

    expect(await world.offsets()).toEqual([10, null])
    expect(await world.counted()).toBe(10)
  })

  it.each([
    'flush_begun',
    'flush_dead_letters_sent',
    'flush_files_uploaded',
    'flush_table_committed',
    'flush_kafka_committed',
  ] as const)('counts once when revoked at %s', async (step) => {
    const world = await setUp()
    world.topic.append(0, events(0, 10))
    let revoked = false
    world.parts.onStep = (at) => {
      if (at !== step || revoked) return
      revoked = true
      world.joins[0]?.onRevoked()
    }
    void world.start()
    await world.assign([0])
    await eventually(() => revoked).toBe(true)

    await world.assign([0, 1], 2)

    await eventually(world.offsets).toEqual([10, 0])
    expect(await world.counted()).toBe(10)
  })

  it('places a partition anew when another member moved it, and keeps the others', async () => {
    const world = await setUp()
    void world.start()
    await world.assign([0, 1])
    await eventually(world.offsets).toEqual([0, 0])
    world.topic.append(0, events(0, 10))
    await eventually(world.offsets).toEqual([10, 0])

    // Somebody else counted offsets 10 to 14 and moved the position.
    await world.parts.table.commit(() => ({
      actions: progressActions(defaults, [{ partition: 0, nextOffset: 15 }]),
      info: {},
    }))
    world.topic.append(0, events(10, 30))
    world.topic.append(1, events(0, 5))

    await eventually(world.offsets).toEqual([30, 5])
    expect(await world.counted()).toBe(10 + 15 + 5)
  })

  it('joins anew when the group has fenced it and assigns nothing', async () => {
    const world = await setUp({ sessionTimeoutMs: 20 })
    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([0, null])

    world.topic.group.generationId = 9
    world.topic.append(0, events(0, 10))
    await eventually(() => world.joins.length).toBe(2)
    await world.assign([0], 10)

    expect(world.left()).toBe(1)
    await eventually(() => world.topic.group.committed.get(0)?.offset).toBe(10)
    expect(await world.counted()).toBe(10)
  })

  it('joins anew after its membership has crashed', async () => {
    const world = await setUp()
    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([0, null])

    world.joins[0]?.onCrash(new Error('coordinator lost'))
    await eventually(() => world.joins.length).toBe(2)
    world.topic.append(0, events(0, 10))
    await world.assign([0], 2)

    await eventually(world.offsets).toEqual([10, null])
  })

  it('serves an assignment without partitions until the next one', async () => {
    const world = await setUp()
    void world.start()
    await world.assign([])
    world.topic.append(0, events(0, 10))
    await world.assign([0], 2)

    await eventually(world.offsets).toEqual([10, null])
  })
})

describe('a processor whose surroundings fail', () => {
  it('waits for a broker that is away, at the join, at INIT and at the fetch', async () => {
    const world = await setUp()
    const { join, kafka } = world.parts
    let failures = 0
    const failTwice = async (): Promise<void> => {
      if (failures++ % 3 !== 2) throw new BrokerUnavailable('connection refused')
    }
    world.parts.join = async (callbacks) => {
      await failTwice()
      return join(callbacks)
    }
    world.parts.kafka = {
      ...kafka,
      listOffsets: async (...asked) => {
        if (asked[2] === 'earliest') await failTwice()
        return kafka.listOffsets(...asked)
      },
    }
    void world.start()
    await eventually(() => world.joins.length).toBe(1)
    world.topic.broken = (partition) => ({
      kind: 'unavailable',
      partition,
      error: new BrokerUnavailable('connection refused'),
    })
    world.topic.append(0, events(0, 10))
    await world.assign([0])
    await eventually(() => world.topic.fetches.length).toBeGreaterThan(1)
    world.topic.broken = null

    await eventually(world.offsets).toEqual([10, null])
    expect(failures).toBe(6)
  })

  it('holds what it read through an outage of the store', async () => {
    const world = await setUp()
    const { writeFiles } = world.parts.table
    let outages = 3
    world.parts.table = {
      ...world.parts.table,
      writeFiles: async (...asked) => {
        if (outages-- > 0) throw new StoreUnavailable('503')
        return writeFiles(...asked)
      },
    }
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])

    await eventually(world.offsets).toEqual([10, null])
    expect(await world.counted()).toBe(10)
  })

  it('ends with what only a person can mend', async () => {
    const world = await setUp()
    world.parts.join = async () => {
      throw new SetupError('wrong password; set KAFKA_SASL_PASSWORD')
    }

    await expect(world.start()).rejects.toThrow('wrong password')
  })

  it('ends, rather than go on, when a step of its own fails unexpectedly', async () => {
    const world = await setUp()
    world.parts.onStep = (step) => {
      if (step === 'flush_files_uploaded') throw new Error('bug')
    }
    world.topic.append(0, events(0, 10))
    const running = world.start()
    await world.assign([0])

    await expect(running).rejects.toThrow('bug')
    expect(world.left()).toBe(1)
  })
})

describe('the state of partitions', () => {
  it('halts one partition, tells why, and counts the other', async () => {
    const world = await setUp()
    world.topic.append(0, events(0, 10))
    world.topic.append(1, events(0, 10))
    void world.start()
    await world.assign([0, 1])
    await eventually(world.offsets).toEqual([10, 10])

    world.joins[0]?.onRevoked()
    world.topic.group.committed.set(0, { offset: 3, metadata: '' })
    world.topic.append(0, events(10, 20))
    world.topic.append(1, events(10, 20))
    await world.assign([0, 1], 2)

    await eventually(world.offsets).toEqual([10, 20])
    expect(world.progress.at(-1)?.halted).toMatchObject([{ partition: 0, reason: 'backward_reset' }])
    expect(world.topic.group.committed.get(0)).toEqual({ offset: 3, metadata: '' })
  })

  it('goes on at the log start when retention overtakes it while it runs', async () => {
    const world = await setUp()
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([10, null])

    const log = world.topic.group.logs.get(0)
    if (log) Object.assign(log, { startOffset: 50, endOffset: 50 })
    world.topic.append(0, events(50, 60))

    await eventually(world.offsets).toEqual([60, null])
    expect(await world.counted()).toBe(20)
  })

  it('counts what it has read before it gives in to retention', async () => {
    const world = await setUp({ flush: { ...defaults.flush, intervalMs: 3_600_000 } })
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(() => world.topic.fetches.at(-1)?.get(0)).toBe(10)

    const log = world.topic.group.logs.get(0)
    if (log) Object.assign(log, { startOffset: 50, endOffset: 50 })

    await eventually(world.offsets).toEqual([50, null])
    expect(await world.counted()).toBe(10)
  })

  it('moves on past offsets that hold no data', async () => {
    const world = await setUp()
    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([0, null])

    // Nothing but the markers of transactions.
    world.topic.broken = (partition) => ({
      kind: 'records',
      partition,
      batches: [],
      nextOffset: 5,
      highWatermark: 5,
      lastStableOffset: 5,
      logStartOffset: 0,
    })

    await eventually(world.offsets).toEqual([5, null])
    expect(await world.rows()).toEqual([])
  })

  it('halts when the topic is recreated while it runs', async () => {
    const world = await setUp()
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([10, null])

    const log = world.topic.group.logs.get(0)
    if (log) log.endOffset = 2

    await eventually(() => world.progress.at(-1)?.halted).toMatchObject([{ reason: 'log_truncated' }])
    expect(await world.offsets()).toEqual([10, null])
  })

  it('marks quiet partitions idle once, and leaves the mark behind with the next event (D11)', async () => {
    const world = await setUp({ idleTimeoutMs: 30 })
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0, 1])

    await eventually(() => world.position(0)).toMatchObject({ nextOffset: 10, idleAtOffset: 10 })
    await eventually(() => world.position(1)).toMatchObject({ nextOffset: 0, idleAtOffset: 0 })
    const { version } = world.parts.table.snapshot()
    const fetches = world.topic.fetches.length
    await eventually(() => world.topic.fetches.length).toBeGreaterThan(fetches + 5)
    expect(world.parts.table.snapshot().version).toBe(version)
    world.topic.append(0, events(10, 11))

    await eventually(() => world.position(0)).toMatchObject({ nextOffset: 11 })
    await eventually(() => world.position(0)).toMatchObject({ idleAtOffset: 11 })
  })

  it('tells positions and lag', async () => {
    const world = await setUp()
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(world.offsets).toEqual([10, null])

    await eventually(() => world.progress.at(-1)).toMatchObject({
      generationId: 1,
      tableVersion: 2,
      partitions: [{ partition: 0, position: 10, flushedTo: 10, lagRecords: 0 }],
    })
  })
})

describe('a processor that is asked to stop', () => {
  it('flushes and commits what it has read, then leaves', async () => {
    const world = await setUp({ flush: { ...defaults.flush, intervalMs: 3_600_000 } })
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(() => world.topic.fetches.at(-1)?.get(0)).toBe(10)

    await world.finish()

    expect(await world.counted()).toBe(10)
    expect(world.topic.group.committed.get(0)).toMatchObject({ offset: 10 })
    expect(world.left()).toBe(1)
  })

  it('gives up the last flush when the store stays away, and loses nothing by it', async () => {
    const world = await setUp({ shutdownTimeoutMs: 50 })
    const { table } = world.parts
    let uploads = 0
    world.parts.table = {
      ...table,
      writeFiles: async () => {
        uploads++
        throw new StoreUnavailable('503')
      },
    }
    world.topic.append(0, events(0, 10))
    void world.start()
    await world.assign([0])
    await eventually(() => uploads).toBeGreaterThan(0)

    await world.finish()

    expect(await world.offsets()).toEqual([0, null])
    expect(world.left()).toBe(1)
  })

  it('stops at once while it waits for its first assignment', async () => {
    const world = await setUp()
    void world.start()
    await eventually(() => world.joins.length).toBe(1)

    await world.finish()

    expect(world.left()).toBe(1)
  })
})
