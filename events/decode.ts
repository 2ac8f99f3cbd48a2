import { type AvroCodec, createAvroCodec } from './avro.ts'
import type { Dimension } from './dimensions.ts'
import { type Event, type Parsed, rejected } from './event.ts'
import type { EventMap } from './event-map.ts'
import { createEventParser, encodeJsonEvent } from './json.ts'

export type EventEncoding = 'avro' | 'json'

export interface EventSettings {
  map: EventMap
  /** IANA name; for timestamps without an offset. */
  timezone: string
  dimensions: readonly Dimension[]
  /** How far an event's time may lie after its record's. */
  maxFutureMs: number
}

export interface EventDecoder {
  /**
   * The value of a record on the topic to an event; Avro is told from JSON by its first bytes. A pure function of its
   * arguments: the record's own time stands for "now", and -1 (a record without one) lets any event time pass.
   */
  decode(value: Uint8Array | null, derivedId: string, recordTimestampMs: number): Parsed
}

/** @throws {SetupError} when the time zone is unknown */
export function createEventDecoder(settings: Omit<EventSettings, 'dimensions'>): EventDecoder {
  const avro = createAvroCodec()
  const parser = createEventParser(settings)
  return {
    decode(value, derivedId, recordTimestampMs) {
      if (value === null || value.length === 0) return rejected('empty_value', 'the record has no value')
      // C3 01 can begin no UTF-8 text.
      const isAvro = value[0] === 0xc3 && value[1] === 0x01
      const parsed = isAvro ? avro.decode(value, derivedId) : parser.parse(value, derivedId)
      if (parsed.kind === 'rejected' || recordTimestampMs < 0) return parsed
      if (parsed.event.timestampMs <= recordTimestampMs + settings.maxFutureMs) return parsed
      const [eventTime, recordTime] = [parsed.event.timestampMs, recordTimestampMs].map(isoTime)
      return rejected(
        'timestamp_in_future',
        `timestamp ${eventTime} is too far after its arrival, ${recordTime}`,
      )
    },
  }
}

let avroWriter: AvroCodec | undefined

/** The event as it lies on the topic. The bytes are the caller's own. */
export function encodeEvent(event: Event, encoding: EventEncoding): Uint8Array {
  if (encoding === 'json') return encodeJsonEvent(event)
  avroWriter ??= createAvroCodec() // compiling the schema takes a millisecond: once, and not at import
  return avroWriter.encode(event)
}

function isoTime(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
