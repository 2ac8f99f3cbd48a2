import { beforeEach, expect, it } from 'vitest'
import { createEventDecoder, encodeEvent } from '../../events/index.ts'
import { type ConsumeOptions, consume } from '../../producers/consume.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { anEvent, plainSettings } from '../fixtures/events.ts'
import { createMemoryKafka, type MemoryKafka } from './memory-kafka.ts'

const topic = 'dataflow.events'
// The records' own time is 0 in the fake, so that no event may lie in its future.
const decoder = createEventDecoder({ ...plainSettings, maxFutureMs: Number.MAX_SAFE_INTEGER })
let kafka: MemoryKafka

beforeEach(() => {
  kafka = createMemoryKafka({ partitions: { [topic]: 2 } })
})

async function send(partition: number, ...values: (Uint8Array | null)[]): Promise<void> {
  const publisher = await kafka.connect().openPublisher(topic)
  for (const value of values) publisher.add({ key: Buffer.from('ann'), value, partition })
  await publisher.flush()
}

interface Running {
  printed: Record<string, unknown>[]
  controller: AbortController
  isDone: Promise<number>
}

function start(options: Partial<ConsumeOptions>, write?: (text: string) => Promise<void>): Running {
  const controller = new AbortController()
  const printed: Record<string, unknown>[] = []
  const writeLines = async (text: string): Promise<void> => {
    for (const line of text.trimEnd().split('\n')) printed.push(JSON.parse(line))
    await write?.(text)
  }
  const { client } = kafka.connect()
  const { signal } = controller
  const parts = { client, decoder, write: writeLines, log: silentLogger, clock: systemClock, signal }
  return { printed, controller, isDone: consume(parts, { topic, fromBeginning: false, ...options }) }
}

it('prints events of both encodings, with where they are', async () => {
  await send(0, encodeEvent(anEvent({ eventId: 'one', value: 2.5, properties: '{"a":[1]}' }), 'avro'))
  await send(1, encodeEvent(anEvent({ eventId: 'two', userId: null }), 'json'))

  const { printed, isDone } = start({ fromBeginning: true, maxMessages: 2 })

  expect(await isDone).toBe(2)
  expect(printed).toEqual([
    {
      ...{ topic, partition: 0, offset: 0, timestamp: '1970-01-01T00:00:00.000Z', key: 'ann' },
      event: {
        ...{ event_id: 'one', event_type: 'click', timestamp: '2026-01-31T12:00:00.000Z', user_id: 'ann' },
        ...{ value: 2.5, properties: { a: [1] } },
      },
    },
    {
      ...{ topic, partition: 1, offset: 0, timestamp: '1970-01-01T00:00:00.000Z', key: 'ann' },
      event: {
        ...{ event_id: 'two', event_type: 'click', timestamp: '2026-01-31T12:00:00.000Z', user_id: null },
        ...{ value: null, properties: null },
      },
    },
  ])
})

it('prints why a record is no event, and goes on', async () => {
  await send(0, Buffer.from('nonsense'), null, encodeEvent(anEvent(), 'avro'))

  const { printed, isDone } = start({ fromBeginning: true, maxMessages: 3 })

  await isDone
  expect(printed).toMatchObject([
    { rejected: { reason: 'not_json' } },
    { rejected: { reason: 'empty_value' } },
    { event: { event_id: 'e-1' } },
  ])
})

it('begins with the next event, unless told otherwise, and follows until the signal', async () => {
  await send(0, encodeEvent(anEvent({ eventId: 'old' }), 'json'))
  const { printed, controller, isDone } = start({})
  await new Promise((resolve) => setImmediate(resolve))

  await send(0, encodeEvent(anEvent({ eventId: 'new' }), 'json'))
  await expect.poll(() => printed.length).toBe(1)
  controller.abort()

  expect(await isDone).toBe(1)
  expect(printed).toMatchObject([{ offset: 1, event: { event_id: 'new' } }])
})

it('begins at an offset of one partition', async () => {
  await send(1, ...['a', 'b', 'c'].map((eventId) => encodeEvent(anEvent({ eventId }), 'json')))
  await send(0, encodeEvent(anEvent({ eventId: 'other' }), 'json'))

  const { printed, isDone } = start({ partition: 1, offset: 1, maxMessages: 2 })

  await isDone
  expect(printed).toMatchObject([{ event: { event_id: 'b' } }, { event: { event_id: 'c' } }])
})

it.each([
  [{ offset: 0 }, 'an offset is of one partition: give --partition too'],
  [{ partition: 7 }, `${topic} has no partition 7: it has 0, 1`],
  [{ partition: 0, offset: 9 }, `partition 0 of ${topic} has no offset 9: give one of 0 to 0`],
])('refuses %j with what would be right', async (options, message) => {
  await expect(start(options).isDone).rejects.toMatchObject({ code: 'SETUP', message })
})

it('reads no further than a slow reader of its output', async () => {
  const values = Array.from({ length: 5_000 }, () => encodeEvent(anEvent(), 'avro'))
  for (let batch = 0; batch < 20; batch++) await send(0, ...values.slice(0, 250))
  let release: () => void = () => {}
  const isHeld = new Promise<void>((resolve) => {
    release = resolve
  })

  const { printed, isDone } = start({ fromBeginning: true, maxMessages: 5_000 }, () => isHeld)
  await expect.poll(() => printed.length).toBeGreaterThan(0)
  for (let count = 0; count < 50; count++) await new Promise((resolve) => setImmediate(resolve))
  const printedWhileHeld = printed.length
  release()

  expect(printedWhileHeld).toBe(500)
  expect(await isDone).toBe(5_000)
})
