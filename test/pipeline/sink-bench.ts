/** A broker, a table in a folder, and members of one group, all in this process; each member with its own connections. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { startBroker } from '../../broker/embedded/index.ts'
import {
  connectKafka,
  countDeadLetters,
  createDeadLetters,
  createPublisher,
  createRecordCursor,
  deadLetterTopic,
  ensureTopics,
  joinGroup,
  type KafkaSettings,
  type Membership,
} from '../../broker/index.ts'
import { createProjection, parseDimensions, parseEventMap } from '../../events/index.ts'
import {
  createAggregate,
  type FlushStep,
  type InitialiseStep,
  type Progress,
  runProcessor,
} from '../../processors/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { openStore } from '../../storage/index.ts'
import { openTable, openTableForReading, readProgress, type TableBinding } from '../../table/index.ts'

export const topic = 'events'
export const group = 'dataflow'
export const partitionCount = 2
const binding: TableBinding = {
  topic,
  group,
  clusterId: 'sink-test',
  windowMs: 60_000,
  dimensions: [],
  partitionBy: ['event_type'],
}
const eventSettings = {
  map: parseEventMap(''),
  timezone: 'UTC',
  dimensions: parseDimensions(''),
  maxFutureMs: 3_600_000,
}
const parts = { log: silentLogger, clock: systemClock }

export type Step = InitialiseStep | FlushStep
export interface Totals {
  count: number
  sum: number
}

/** An in-process stand-in for kill -9: whatever the member would have done next, it does not. */
export class Crash extends Error {}

export interface Member {
  /** Settles when the member has ended; rejects with Crash after a crash. */
  running: Promise<void>
  progress: Progress[]
  membership(): Membership | null
  stop(): Promise<void>
}

export type SinkBench = Awaited<ReturnType<typeof openSinkBench>>

export async function openSinkBench() {
  const dir = await mkdtemp(join(tmpdir(), 'dataflow-sink-'))
  let broker = await startBroker({ dir: join(dir, 'broker'), port: 0, log: silentLogger })
  const settings = (): KafkaSettings => ({
    brokers: [`${broker.host}:${broker.port}`],
    clientId: 'sink-test',
    ssl: false,
  })
  const prepareTopics = () =>
    ensureTopics(
      settings(),
      [
        { topic, partitions: partitionCount, config: {} },
        { topic: deadLetterTopic(topic), partitions: 1, config: {}, unlimitedRetention: true },
      ],
      silentLogger,
    )
  await prepareTopics()
  const store = await openStore(`file:${join(dir, 'table')}/`, {})
  const running: Member[] = []

  /** What was published, counted by nothing of the product. */
  const expected = new Map<string, Totals>()
  let published = 0
  let bad = 0
  const bench = {
    settings,
    expected,
    get bad() {
      return bad
    },
    get published() {
      return published
    },
    /** Events of three types with values that add up exactly; every 50th is no event at all. */
    async publish(count: number): Promise<void> {
      const publisher = await createPublisher(settings(), { topic, ...parts })
      for (let sent = 0; sent < count; sent++) {
        const number = published++
        const partition = number % partitionCount
        if (number % 50 === 49) {
          bad++
          publisher.add({ key: null, value: Buffer.from(`{"broken": ${number}`), partition })
          continue
        }
        const type = ['click', 'view', 'purchase'][number % 3] ?? ''
        const timestamp = new Date(Date.UTC(2026, 0, 1) + number * 100).toISOString()
        const value = Buffer.from(JSON.stringify({ event_type: type, timestamp, value: number }))
        publisher.add({ key: null, value, partition })
        const totals = expected.get(type) ?? { count: 0, sum: 0 }
        expected.set(type, { count: totals.count + 1, sum: totals.sum + number })
      }
      await publisher.flush()
      await publisher.close()
    },
    /** Events of a type of their own, for one partition. */
    async publishTo(partition: number, count: number): Promise<void> {
      const publisher = await createPublisher(settings(), { topic, ...parts })
      const value = Buffer.from('{"event_type":"refund","timestamp":"2026-01-01T00:00:00Z","value":2}')
      for (let sent = 0; sent < count; sent++) publisher.add({ key: null, value, partition })
      await publisher.flush()
      await publisher.close()
      expected.set('refund', { count, sum: 2 * count })
    },
    startMember(onStep?: (step: Step) => void | Promise<void>): Member {
      const stop = new AbortController()
      const progress: Progress[] = []
      let membership: Membership | null = null
      const run = async (): Promise<void> => {
        const kafka = connectKafka(settings(), parts)
        const table = await openTable({ store, binding, ...parts, encoder: 'inline' })
        try {
          await runProcessor(
            {
              group,
              topic,
              startAt: 'earliest',
              flush: { intervalMs: 50, maxGroups: 200_000, maxBytes: 64 * 1024 * 1024 },
              fetch: { maxBytes: 64 * 1024, maxWaitMs: 50, isolation: 'read_committed' },
              idleTimeoutMs: 60_000,
              shutdownTimeoutMs: 10_000,
              sessionTimeoutMs: 6_000,
            },
            {
              kafka,
              table,
              projection: createProjection(eventSettings),
              cursor: createRecordCursor(),
              createAggregate: (resumeWatermarkMs) =>
                createAggregate({
                  windowMs: binding.windowMs,
                  allowedLatenessMs: 0,
                  resumeWatermarkMs,
                  dimensionCount: 0,
                }),
              openDeadLetters: async () =>
                createDeadLetters(
                  await createPublisher(settings(), { topic: deadLetterTopic(topic), ...parts }),
                ),
              join: async (callbacks) => {
                membership = await joinGroup(settings(), {
                  groupId: group,
                  topic,
                  sessionTimeoutMs: 6_000,
                  ...callbacks,
                  log: silentLogger,
                })
                return membership
              },
              onProgress: (report) => progress.push(report),
              ...(onStep ? { onStep } : {}),
              ...parts,
            },
            stop.signal,
          )
        } finally {
          await table.close()
          await kafka.close()
        }
      }
      const member: Member = {
        running: run(),
        progress,
        membership: () => membership,
        async stop() {
          stop.abort()
          await member.running
        },
      }
      member.running.catch(() => {}) // whoever waits for it sees it
      running.push(member)
      return member
    },
    /** By partition, ascending; empty before the first is placed. */
    async positions(): Promise<number[]> {
      const table = await openTableForReading({ store, ...parts })
      const progress = table ? [...readProgress(table.snapshot(), { group, topic }).values()] : []
      return progress.map(({ nextOffset }) => nextOffset)
    },
    /** Everything published so far has been read. */
    async isCaughtUp(): Promise<boolean> {
      const ends = Array.from({ length: partitionCount }, (_, partition) =>
        Math.ceil((published - partition) / partitionCount),
      )
      const positions = await bench.positions()
      return ends.every((end, partition) => positions[partition] === end)
    },
    async totals(): Promise<Map<string, Totals>> {
      const table = await openTableForReading({ store, ...parts })
      const totals = new Map<string, Totals>()
      if (!table) return totals
      for await (const rows of table.scan({})) {
        for (let at = 0; at < rows.length; at++) {
          const type = rows.eventType[at] ?? ''
          const before = totals.get(type) ?? { count: 0, sum: 0 }
          totals.set(type, {
            count: before.count + (rows.count[at] ?? 0),
            sum: before.sum + (rows.valueSum[at] ?? 0) + (rows.valueSumLo[at] ?? 0),
          })
        }
      }
      return totals
    },
    async deadLetters(): Promise<number> {
      const kafka = connectKafka(settings(), parts)
      const count = await countDeadLetters(kafka, deadLetterTopic(topic))
      await kafka.close()
      return count
    },
    deleteTable: () => rm(join(dir, 'table'), { recursive: true }),
    /** As an operator would, through another client. */
    async admin<T>(work: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
      const admin = new kafkajs.Kafka({
        brokers: settings().brokers,
        logLevel: kafkajs.logLevel.NOTHING,
      }).admin()
      await admin.connect()
      try {
        return await work(admin)
      } finally {
        await admin.disconnect()
      }
    },
    /** The broker goes and comes back where it was, with its data or without. */
    async restartBroker({ keepData }: { keepData: boolean }): Promise<void> {
      const { port } = broker
      await broker.close()
      if (!keepData) await rm(join(dir, 'broker'), { recursive: true })
      broker = await startBroker({ dir: join(dir, 'broker'), port, log: silentLogger })
      await prepareTopics()
      if (!keepData) published = 0
    },
    async close(): Promise<void> {
      for (const member of running) await member.stop().catch(() => {})
      await broker.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return bench
}
