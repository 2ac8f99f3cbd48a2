import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startBroker } from '../../broker/embedded/index.ts'
import {
  connectKafka,
  countDeadLetters,
  createPublisher,
  deadLetterTopic,
  ensureTopics,
  type KafkaClient,
  type KafkaSettings,
  type Publisher,
  replayLedgerTopic,
} from '../../broker/index.ts'
import { createEventParser } from '../../events/index.ts'
import { noProgress, type ReplaySummary, replay } from '../../producers/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createMemoryStore, type ObjectStore } from '../../storage/index.ts'
import { plainSettings } from '../fixtures/events.ts'
import { firstOutOfOrder, storedEvents } from '../producers/stored-events.ts'

const topic = 'dataflow.events'
const goodPerObject = 19_000
const badPerObject = 1_000
const parser = createEventParser(plainSettings)

let dir: string
let broker: Awaited<ReturnType<typeof startBroker>>
let settings: KafkaSettings
let client: KafkaClient
let store: ObjectStore

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dataflow-replay-'))
  broker = await startBroker({ dir, port: 0, log: silentLogger })
  settings = { brokers: [`${broker.host}:${broker.port}`], clientId: 'test', ssl: false }
  client = connectKafka(settings, { log: silentLogger, clock: systemClock })
  const topics = [topic, deadLetterTopic(topic), replayLedgerTopic]
  const wanted = topics.map((name) => ({ topic: name, partitions: name === topic ? 4 : 1, config: {} }))
  await ensureTopics(settings, wanted, silentLogger)
  store = createMemoryStore()
  await store.put('day-1/events.ndjson', objectOf('day-1/events.ndjson'))
  await store.put('day-2/events.ndjson.gz', gzipSync(objectOf('day-2/events.ndjson.gz')))
  await store.put('_SUCCESS', Buffer.from(''))
})

afterEach(async () => {
  await client.close()
  await broker.close()
  await rm(dir, { recursive: true })
})

/** 20,000 lines without ids, of which every twentieth is bad: an event's id is then its object and line. */
function objectOf(key: string): Buffer {
  const lines = Array.from({ length: goodPerObject + badPerObject }, (_, at) =>
    at % 20 === 7
      ? `{"event_type":"view","line":${at + 1}}`
      : `{"event_type":"click","timestamp":${1_770_000_000 + at},"user_id":"user-${at % 97}","of":"${key}"}`,
  )
  return Buffer.from(lines.join('\n'))
}

interface RunOptions {
  signal?: AbortSignal
  /** Sees every publisher before the replay does. */
  wrap?: (publisher: Publisher, topic: string) => Publisher
}

function run({ signal = new AbortController().signal, wrap }: RunOptions = {}): Promise<ReplaySummary> {
  const openPublisher = async (name: string): Promise<Publisher> => {
    const publisher = await createPublisher(settings, { topic: name, log: silentLogger, clock: systemClock })
    return wrap?.(publisher, name) ?? publisher
  }
  const shared = { client, log: silentLogger, clock: systemClock, progress: noProgress }
  return replay(
    { ...shared, store, openPublisher, parser, signal },
    { topic, encoding: 'avro', parsing: 'UTC', follow: false, checkpointLines: 5_000 },
  )
}

async function expectEachLineOnce(): Promise<void> {
  const stored = await storedEvents(client, topic)
  const origins = new Set(stored.map(({ object, line }) => `${object}#${line}`))
  expect(stored).toHaveLength(2 * goodPerObject)
  expect(origins.size).toBe(2 * goodPerObject)
  expect(await countDeadLetters(client, deadLetterTopic(topic))).toBe(2 * badPerObject)
  expect(firstOutOfOrder(stored)).toBeNull()
}

it('puts each good line on the topic once, each bad one into the dead letters, and adds nothing again (D7)', async () => {
  const first = await run()
  const second = await run()

  expect(first).toMatchObject({ objects: 2, lines: 40_000, events: 38_000, deadLetters: 2_000 })
  expect(second).toMatchObject({ objects: 0, lines: 0, events: 0, deadLetters: 0 })
  await expectEachLineOnce()
})

it('goes on at the next line after each of many stops', async () => {
  for (const isStopping of [true, true, true, false]) {
    const controller = new AbortController()
    let sends = 0
    const summary = await run({
      signal: controller.signal,
      wrap: (publisher, name) =>
        intercept(publisher, {
          async flush(send) {
            if (isStopping && name === topic && ++sends === 3) controller.abort()
            return send()
          },
        }),
    })
    if (isStopping) expect(summary.events).toBeLessThan(38_000)
  }

  await expectEachLineOnce()
})

class Killed extends Error {}

/** A replayer that is gone at its nth send, before the broker has it or after, and never hears which. */
async function runUntilKilled(atSend: number, isStored: boolean): Promise<void> {
  let sends = 0
  let isDead = false
  const wrap = (publisher: Publisher, name: string): Publisher =>
    intercept(publisher, {
      async flush(send) {
        if (isDead) throw new Killed()
        isDead = name === topic && ++sends === atSend
        if (!isDead) return send()
        if (isStored) await send()
        throw new Killed()
      },
    })
  await expect(run({ wrap })).rejects.toThrow(Killed)
}

it.each([
  ['before the broker had it', false],
  ['after the broker had it', true],
])('makes up for a replayer that was killed at a send, %s', async (_when, isStored) => {
  await runUntilKilled(1, isStored)
  await runUntilKilled(2, isStored)
  await runUntilKilled(2, isStored)

  await run()

  await expectEachLineOnce()
})

it('makes up for a replayer killed while it was making up for another', async () => {
  await runUntilKilled(3, true)
  await runUntilKilled(1, true)
  await runUntilKilled(1, false)
  await runUntilKilled(1, true)

  await run()

  await expectEachLineOnce()
})

it('reports a replaced object and replays the others', async () => {
  await run()
  await store.put('day-1/events.ndjson', Buffer.from('{"event_type":"new","timestamp":1770000000}'))
  await store.put('day-3/events', Buffer.from('{"event_type":"new","timestamp":1770000000}'))

  const summary = await run()

  expect(summary).toMatchObject({ objects: 1, events: 1, changed: ['day-1/events.ndjson'] })
  expect(await storedEvents(client, topic)).toHaveLength(2 * goodPerObject + 1)
})

function intercept(
  publisher: Publisher,
  { flush }: { flush(send: Publisher['flush']): ReturnType<Publisher['flush']> },
): Publisher {
  return {
    identity: publisher.identity,
    get pendingBytes() {
      return publisher.pendingBytes
    },
    get pendingRecords() {
      return publisher.pendingRecords
    },
    add: publisher.add,
    flush: () => flush(publisher.flush),
    close: publisher.close,
  }
}
