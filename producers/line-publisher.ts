/**
 * Lines of JSON to the topic: an event, or a dead letter. Large sends, one under way while the next one fills up.
 */
import { type DeadLetter, type Publisher, partitionOf } from '../broker/index.ts'
import { type EventParser, encodeEvent, partitionKey, type ReasonCode } from '../events/index.ts'
import type { Clock } from '../runtime/clock.ts'

export interface LinePublisher {
  /** Events and dead letters so far, those passed over by `skip` counted. */
  readonly events: number
  readonly deadLetters: number
  /** Per partition, the offset after the last acknowledged event. */
  readonly nextOffsets: ReadonlyMap<number, number>
  /** Whether something waits to be sent. */
  readonly hasPending: boolean
  /** Queues what the line is. The bytes may be reused at once; `origin` is also the id of an event without one. */
  take(bytes: Uint8Array, origin: string): void
  reject(bad: BadLine): void
  /** To be called every few thousand lines: starts a send if one is due, and waits while too much is under way. */
  relieve(): Promise<void>
  /** Sends all, and waits until every event and dead letter is acknowledged. */
  flush(): Promise<void>
}

export interface BadLine {
  origin: string
  /** The line, or as much of it as there is. */
  bytes: Uint8Array | null
  reason: ReasonCode
  message: string
}

export interface LinePublisherParts {
  publisher: Publisher
  deadLetters: { add(letter: DeadLetter): void; flush(): Promise<void> }
  parser: EventParser
  clock: Clock
}

export interface LinePublisherOptions {
  encoding: 'avro' | 'json'
  stage: 'replay' | 'produce'
  /** Of a key and its value; more is a dead letter. Kafka takes about 1 MB by default. */
  maxRecordBytes?: number
  /** How many partitions the topic has. Fixed here, so that the same lines always go to the same partitions. */
  partitions: number
  /** Asked once for each event, in order: true passes it over, because the topic has it. */
  skip?: (partition: number) => boolean
}

const flushBytes = 1024 * 1024
const flushMs = 200
const maxPendingDeadLetters = 500
const maxPendingDeadLetterBytes = 4 * 1024 * 1024

export function createLinePublisher(parts: LinePublisherParts, options: LinePublisherOptions): LinePublisher {
  const { publisher, deadLetters, parser, clock } = parts
  const { encoding, stage, partitions, maxRecordBytes = 1_000_000, skip } = options
  const nextOffsets = new Map<number, number>()
  let underWay: Promise<void> | null = null
  let failure: { error: unknown } | null = null
  let lastSendMs = clock.nowMs()
  let pendingDeadLetters = 0
  let pendingDeadLetterBytes = 0

  const lines = {
    events: 0,
    deadLetters: 0,
    nextOffsets,
    get hasPending() {
      return publisher.pendingRecords > 0 || pendingDeadLetters > 0
    },
    take(bytes: Uint8Array, origin: string) {
      const parsed = parser.parse(bytes, origin)
      if (parsed.kind === 'rejected') {
        return lines.reject({ origin, bytes, reason: parsed.reason, message: parsed.message })
      }
      const key = Buffer.from(partitionKey(parsed.event))
      const value = encodeEvent(parsed.event, encoding)
      if (key.length + value.length > maxRecordBytes) {
        const message = `the event takes more than ${maxRecordBytes} bytes as a record`
        return lines.reject({ origin, bytes, reason: 'too_long', message })
      }
      lines.events++
      const partition = partitionOf(key, partitions)
      if (!skip?.(partition)) publisher.add({ key, value, partition })
    },
    reject({ origin, bytes, reason, message }: BadLine) {
      lines.deadLetters++
      pendingDeadLetters++
      pendingDeadLetterBytes += bytes?.length ?? 0
      // A copy: the line's bytes are a view of what the next chunk overwrites.
      const value = bytes === null ? null : Buffer.from(bytes)
      deadLetters.add({ origin, value, reason, message, stage, timeMs: clock.nowMs() })
    },
    async relieve() {
      throwFailure()
      const isDue = publisher.pendingBytes >= flushBytes || clock.nowMs() - lastSendMs >= flushMs
      if (!isDue && !hasManyDeadLetters()) return
      await underWay
      throwFailure()
      if (hasManyDeadLetters()) await flushDeadLetters()
      send()
    },
    async flush() {
      await underWay
      throwFailure()
      send()
      await Promise.all([underWay, flushDeadLetters()])
      throwFailure()
    },
  }
  return lines

  function send(): void {
    lastSendMs = clock.nowMs()
    if (publisher.pendingRecords === 0) return
    // The error is kept for the next call: a send that nobody awaits yet must not end the process.
    underWay = publisher.flush().then(
      (acknowledged) => {
        for (const { partition, baseOffset, recordCount } of acknowledged) {
          nextOffsets.set(partition, Math.max(nextOffsets.get(partition) ?? 0, baseOffset + recordCount))
        }
      },
      (error: unknown) => {
        failure = { error }
      },
    )
  }

  async function flushDeadLetters(): Promise<void> {
    if (pendingDeadLetters === 0) return
    pendingDeadLetters = 0
    pendingDeadLetterBytes = 0
    await deadLetters.flush()
  }

  function hasManyDeadLetters(): boolean {
    return pendingDeadLetters >= maxPendingDeadLetters || pendingDeadLetterBytes >= maxPendingDeadLetterBytes
  }

  function throwFailure(): void {
    if (failure !== null) throw failure.error
  }
}
