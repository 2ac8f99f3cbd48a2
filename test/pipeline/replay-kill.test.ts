import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startBroker } from '../../broker/embedded/index.ts'
import { connectKafka, countDeadLetters, deadLetterTopic, type KafkaClient } from '../../broker/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { firstOutOfOrder, storedEvents } from '../producers/stored-events.ts'

const program = resolve(import.meta.dirname, '../../dist/cli/main.js')
const topic = 'dataflow.events'
const objects = 6
const goodPerObject = 19_500
const badPerObject = 500
const expectedEvents = objects * goodPerObject

let dir: string
let broker: Awaited<ReturnType<typeof startBroker>>
let client: KafkaClient
let replayer: ChildProcess | null = null

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dataflow-replay-kill-'))
  broker = await startBroker({ dir: join(dir, 'broker'), port: 0, log: silentLogger })
  const settings = { brokers: [`${broker.host}:${broker.port}`], clientId: 'test', ssl: false }
  client = connectKafka(settings, { log: silentLogger, clock: systemClock })
  await mkdir(join(dir, 'raw'))
  for (let object = 0; object < objects; object++) {
    const isPacked = object % 2 === 1
    const bytes = objectBytes()
    const name = isPacked ? `events-${object}.ndjson.gz` : `events-${object}.ndjson`
    await writeFile(join(dir, 'raw', name), isPacked ? gzipSync(bytes, { level: 1 }) : bytes)
  }
})

afterEach(async () => {
  replayer?.kill('SIGKILL')
  await client.close()
  await broker.close()
  await rm(dir, { recursive: true })
})

/** 20,000 lines without ids, of which every fortieth is bad: an event's id is then its object and line. */
function objectBytes(): Buffer {
  const lines = Array.from({ length: goodPerObject + badPerObject }, (_, at) =>
    at % 40 === 7
      ? `{"event_type":"view","line":${at + 1}}`
      : `{"event_type":"click","timestamp":${1_770_000_000 + at},"user_id":"user-${at % 97}"}`,
  )
  return Buffer.from(lines.join('\n'))
}

function startReplay(): ChildProcess {
  replayer = spawn(process.execPath, [program, 'replay'], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      KAFKA_BROKERS: `${broker.host}:${broker.port}`,
      RAW_URL: `file:${join(dir, 'raw')}/`,
      DATAFLOW_HOME: join(dir, 'home'),
      LOG_LEVEL: 'error',
    },
  })
  return replayer
}

async function eventsOnTopic(): Promise<number> {
  try {
    const partitions = await client.partitions(topic)
    const ends = await client.listOffsets(topic, partitions, 'latest')
    return [...ends.values()].reduce((sum, end) => sum + end, 0)
  } catch {
    return 0 // the replayer creates the topic
  }
}

it('has each line on the topic once after kill -9 of the replayer, again and again', async () => {
  for (let share = 1; share <= 5; share++) {
    const running = startReplay()
    await expect
      .poll(eventsOnTopic, { interval: 5, timeout: 60_000 })
      .toBeGreaterThanOrEqual((expectedEvents * share) / 6)
    running.kill('SIGKILL')
    await once(running, 'exit')
  }

  const [exitCode] = await once(startReplay(), 'exit')

  const stored = await storedEvents(client, topic)
  expect(exitCode).toBe(0)
  expect(stored).toHaveLength(expectedEvents)
  expect(new Set(stored.map(({ object, line }) => `${object}#${line}`)).size).toBe(expectedEvents)
  expect(firstOutOfOrder(stored)).toBeNull()
  expect(await countDeadLetters(client, deadLetterTopic(topic))).toBe(objects * badPerObject)
}, 300_000)
