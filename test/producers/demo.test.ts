import { setMaxListeners } from 'node:events'
import { expect, it } from 'vitest'
import { type DemoOptions, produceDemo } from '../../producers/demo.ts'
import { createManualClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { anEvent } from '../fixtures/events.ts'
import { createMemoryKafka, type MemoryKafka } from './memory-kafka.ts'

const topic = 'dataflow.events'

function start(kafka: MemoryKafka, options: Partial<DemoOptions> = {}) {
  const clock = createManualClock(1_000_000)
  const controller = new AbortController()
  setMaxListeners(0, controller.signal) // the manual clock leaves its listeners
  let made = 0
  const nextEvent = (nowMs: number) => anEvent({ eventId: `demo-${++made}`, timestampMs: nowMs })
  const parts = { ...kafka.connect(), nextEvent, log: silentLogger, clock, signal: controller.signal }
  const isDone = produceDemo(parts, { topic, encoding: 'json', eventsPerSecond: 50, ...options })
  return { clock, controller, isDone }
}

async function turn(): Promise<void> {
  for (let count = 0; count < 5; count++) await new Promise((resolve) => setImmediate(resolve))
}

it('sends as many events as the rate says, with the time they are made', async () => {
  const kafka = createMemoryKafka({ partitions: { [topic]: 1 } })
  const { clock, controller, isDone } = start(kafka)

  for (let tick = 0; tick < 20; tick++) {
    await turn()
    clock.advance(100)
  }
  await turn()
  controller.abort()

  expect(await isDone).toBe(100)
  const timestamps = kafka.records(topic).map(({ value }) => Date.parse(JSON.parse(value).timestamp))
  expect([timestamps[0], timestamps.at(-1)]).toEqual([1_000_100, 1_002_000])
})

it('stops at the limit', async () => {
  const kafka = createMemoryKafka({ partitions: { [topic]: 1 } })
  const { clock, isDone } = start(kafka, { maxEvents: 7 })

  for (let tick = 0; tick < 5; tick++) {
    await turn()
    clock.advance(100)
  }

  expect(await isDone).toBe(7)
  expect(kafka.records(topic)).toHaveLength(7)
})

it('does not make up for more than a second of sleep', async () => {
  const kafka = createMemoryKafka({ partitions: { [topic]: 1 } })
  const { clock, controller, isDone } = start(kafka)
  await turn()

  clock.advance(3_600_000)
  await turn()
  controller.abort()

  expect(await isDone).toBe(50)
})

it('goes on with a new producer after a send that failed', async () => {
  let sends = 0
  const kafka = createMemoryKafka({
    partitions: { [topic]: 1 },
    faults: () => (++sends === 2 ? { storedPartitions: 0, outcome: 'unknown' } : null),
  })
  const { clock, controller, isDone } = start(kafka)

  for (let tick = 0; tick < 50; tick++) {
    await turn()
    clock.advance(100)
  }
  await turn()
  controller.abort()

  expect(await isDone).toBe(kafka.records(topic).length)
  expect(kafka.records(topic).length).toBeGreaterThan(100)
})
