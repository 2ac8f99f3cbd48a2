import { type KafkaClient, type Publisher, partitionOf } from '../broker/index.ts'
import { type Event, encodeEvent, partitionKey } from '../events/index.ts'
import type { Clock } from '../runtime/clock.ts'
import { AppError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { backoffMs } from '../runtime/retry.ts'

export interface DemoParts {
  /** Makes the event that arrives now. */
  nextEvent(nowMs: number): Event
  client: KafkaClient
  openPublisher(topic: string): Promise<Publisher>
  log: Logger
  clock: Clock
  signal: AbortSignal
}

export interface DemoOptions {
  topic: string
  encoding: 'avro' | 'json'
  eventsPerSecond: number
  /** No limit unless told. */
  maxEvents?: number
}

const tickMs = 100
/** Of catching up after a pause, so that a laptop that slept does not wake up to a flood. */
const maxCatchUpMs = 1_000

/**
 * Generated events with current timestamps at a steady rate, until the signal or the limit. When the broker is away it
 * drops what it could not send and goes on when the broker is back: live events are not made up for.
 * @returns how many events were acknowledged
 */
export async function produceDemo(parts: DemoParts, options: DemoOptions): Promise<number> {
  const { nextEvent, client, openPublisher, log, clock, signal } = parts
  const { topic, encoding, eventsPerSecond, maxEvents = Number.POSITIVE_INFINITY } = options
  const partitions = (await client.partitions(topic)).length
  let publisher: Publisher | null = null
  let acknowledged = 0
  let failures = 0
  let owed = 0
  let lastMs = clock.nowMs()
  try {
    while (!signal.aborted && acknowledged < maxEvents) {
      await clock.sleep(tickMs, signal)
      const nowMs = clock.nowMs()
      owed += (Math.min(nowMs - lastMs, maxCatchUpMs) * eventsPerSecond) / 1_000
      lastMs = nowMs
      const count = Math.min(Math.floor(owed), maxEvents - acknowledged)
      owed -= count
      if (count > 0) await send(count)
    }
    return acknowledged
  } finally {
    await dropPublisher()
  }

  async function send(count: number): Promise<void> {
    try {
      publisher ??= await openPublisher(topic)
      for (let made = 0; made < count; made++) {
        const event = nextEvent(clock.nowMs())
        const key = Buffer.from(partitionKey(event))
        publisher.add({ key, value: encodeEvent(event, encoding), partition: partitionOf(key, partitions) })
      }
      await publisher.flush()
      acknowledged += count
      failures = 0
    } catch (error) {
      if (!(error instanceof AppError) || error.remedy !== 'retry') throw error
      log.warn('demo events were not sent', { events: count, error })
      await dropPublisher()
      await clock.sleep(backoffMs(failures++), signal)
    }
  }

  async function dropPublisher(): Promise<void> {
    const dropped = publisher
    publisher = null
    await dropped?.close().catch(() => {}) // nothing waits in it
  }
}
