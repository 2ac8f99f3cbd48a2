/**
 * Dead letters: bad records kept whole, with where they came from and why they were refused.
 *
 *   key      origin: topic/partition/offset, or object#line
 *   value    the original bytes
 *   headers  reason, message, stage, origin, time (RFC 3339); truncated_from, in bytes, when the value was cut
 *
 * A letter may be written twice after a crash, so letters are counted by distinct key.
 */
import { AppError } from '../runtime/errors.ts'
import type { KafkaClient, Publisher } from './client/index.ts'
import { createKeyCounter } from './distinct-keys.ts'
import { readToEnd } from './read-to-end.ts'
import { createRecordCursor } from './wire/index.ts'

export interface DeadLetter {
  /** topic/partition/offset or object#line */
  origin: string
  value: Uint8Array | null
  /** A stable code, for programs. */
  reason: string
  /** For people. */
  message: string
  stage: DeadLetterStage
  timeMs: number
}

export type DeadLetterStage = 'replay' | 'produce' | 'process'

export interface DeadLetters {
  add(letter: DeadLetter): void
  /** Resolves once every added letter is acknowledged. @throws {PublishFailed} */
  flush(): Promise<void>
  close(): Promise<void>
}

/** @param publisher of the dead letter topic, and of nobody else */
export function createDeadLetters(publisher: Publisher): DeadLetters {
  return {
    add(letter) {
      const { origin, reason, message, stage, timeMs, value } = letter
      const fields = { reason, message, stage, origin, time: new Date(timeMs).toISOString() }
      const key = Buffer.from(origin)
      try {
        publisher.add({ key, value, headers: headersOf(fields) })
      } catch (error) {
        // A record may be as large as a batch can be, and then has no room for the headers: its beginning must do.
        if (!(error instanceof AppError) || error.code !== 'RECORD_TOO_LARGE' || value === null) throw error
        const cut = {
          ...fields,
          message: message.slice(0, maxMessageChars),
          truncated_from: String(value.length),
        }
        publisher.add({ key, value: value.subarray(0, truncatedBytes), headers: headersOf(cut) })
      }
    },
    async flush() {
      await publisher.flush()
    },
    close: () => publisher.close(),
  }
}

export interface StoredDeadLetter extends DeadLetter {
  /** Where the letter itself is. */
  partition: number
  offset: number
  /** Bytes the value had before it was cut, or null: it is whole. */
  truncatedFrom: number | null
}

/** The letters in the topic when called, in order within each partition, repeats included. A missing topic has none. */
export async function* readDeadLetters(client: KafkaClient, topic: string): AsyncIterable<StoredDeadLetter> {
  const cursor = createRecordCursor()
  for await (const { partition, batch } of readToEnd(client, topic)) {
    cursor.reset(batch)
    while (cursor.next()) {
      const { buffer, offset, keyStart, keyEnd, valueStart, valueEnd, timestampMs } = cursor
      const headers = new Map(cursor.headers().map(([name, value]) => [name, value?.toString() ?? '']))
      const truncatedFrom = headers.get('truncated_from')
      yield {
        partition,
        offset,
        origin: headers.get('origin') ?? (keyStart < 0 ? '' : buffer.toString('utf8', keyStart, keyEnd)),
        // A copy: the letter may outlive the answer it was fetched in.
        value: valueStart < 0 ? null : Buffer.from(buffer.subarray(valueStart, valueEnd)),
        reason: headers.get('reason') ?? '',
        message: headers.get('message') ?? '',
        stage: parseStage(headers.get('stage')),
        timeMs: parseTimeMs(headers.get('time')) ?? timestampMs,
        truncatedFrom: truncatedFrom === undefined ? null : Number(truncatedFrom),
      }
    }
  }
}

/** Distinct origins in the topic: exact up to a quarter of a million, within about a percent above. */
export async function countDeadLetters(client: KafkaClient, topic: string): Promise<number> {
  const counter = createKeyCounter(maxExactKeys)
  const cursor = createRecordCursor()
  for await (const { batch } of readToEnd(client, topic)) {
    cursor.reset(batch)
    while (cursor.next()) {
      if (cursor.keyStart >= 0) counter.add(cursor.buffer.subarray(cursor.keyStart, cursor.keyEnd))
    }
  }
  return counter.count()
}

const truncatedBytes = 512 * 1024
const maxMessageChars = 1_000
const maxExactKeys = 262_144

function headersOf(fields: Record<string, string>): [string, Uint8Array][] {
  return Object.entries(fields).map(([name, value]) => [name, Buffer.from(value)])
}

function parseStage(text: string | undefined): DeadLetterStage {
  return text === 'replay' || text === 'produce' ? text : 'process'
}

function parseTimeMs(text: string | undefined): number | null {
  const timeMs = Date.parse(text ?? '')
  return Number.isNaN(timeMs) ? null : timeMs
}
