/**
 * Events as Avro single objects:
 *
 *   C3 01 | fingerprint of the writer's schema, 8 bytes little-endian | body
 *
 * A body is read with its writer's schema and resolved to ours. Bytes in a string that are not UTF-8 read as U+FFFD.
 */
import type { Resolver, Schema } from 'avsc'
import { type Event, type Parsed, rejected } from './event.ts'
import { fingerprintOf, typeOf, writerSchemas } from './schema.ts'
import { checkEventType, checkTimestampMs, checkValue, isRejection } from './validate.ts'

export const avroHeaderBytes = 10

export interface AvroCodec {
  /** The ten bytes before every body that `encode` writes. */
  readonly header: Buffer
  encode(event: Event): Uint8Array
  /** `bytes` begin with C3 01. */
  decode(bytes: Uint8Array, derivedId: string): Parsed
}

/** `schemas` are those of possible writers; the first is what `encode` writes and what others are resolved to. */
export function createAvroCodec(schemas: readonly Schema[] = writerSchemas): AvroCodec {
  const types = schemas.map(typeOf)
  const [own] = types
  if (!own) throw new Error('an Avro codec needs a schema')
  const header = Buffer.concat([Buffer.of(0xc3, 0x01), fingerprintOf(own)])
  const resolvers = new Map<string, Resolver | undefined>()
  for (const type of types) {
    resolvers.set(fingerprintOf(type).toString('hex'), type === own ? undefined : own.createResolver(type))
  }
  let scratch = Buffer.allocUnsafeSlow(4_096)
  header.copy(scratch)

  return {
    header,

    encode({ eventId, eventType, timestampMs, userId, value, properties }) {
      const record = {
        event_id: eventId,
        event_type: eventType,
        timestamp: timestampMs,
        user_id: userId,
        value,
        properties,
      }
      let end = own.encode(record, scratch, avroHeaderBytes)
      if (end < 0) {
        // avsc tells by how many bytes it fell short.
        scratch = Buffer.allocUnsafeSlow((scratch.length - end) * 2)
        header.copy(scratch)
        end = own.encode(record, scratch, avroHeaderBytes)
      }
      return Buffer.from(scratch.subarray(0, end))
    },

    decode(bytes, derivedId) {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const fingerprint = buffer.toString('hex', 2, avroHeaderBytes)
      if (!resolvers.has(fingerprint)) {
        return rejected('unknown_schema', `Avro schema ${fingerprint} is not one of the known ones`)
      }
      let record: unknown
      try {
        record = own.fromBuffer(buffer.subarray(avroHeaderBytes), resolvers.get(fingerprint))
      } catch {
        return rejected('bad_avro', 'the Avro body is cut off, too long or not of its schema')
      }
      return toEvent(record, derivedId)
    },
  }
}

function toEvent(record: unknown, derivedId: string): Parsed {
  if (!isAvroRecord(record)) throw new Error('avsc decoded something that is not of the schema')
  const eventType = checkEventType(record.event_type)
  if (isRejection(eventType)) return { kind: 'rejected', ...eventType }
  const timestampMs = checkTimestampMs(record.timestamp)
  if (isRejection(timestampMs)) return { kind: 'rejected', ...timestampMs }
  const value = checkValue(record.value)
  if (isRejection(value)) return { kind: 'rejected', ...value }
  // The ids and the properties are opaque here: a processor must not turn away what a producer let onto the log.
  const eventId = record.event_id || derivedId
  const userId = record.user_id || null
  return {
    kind: 'event',
    event: { eventId, eventType, timestampMs, userId, value, properties: record.properties },
  }
}

interface AvroRecord {
  event_id: string
  event_type: string
  timestamp: number
  user_id: string | null
  value: number | null
  properties: string | null
}

function isAvroRecord(record: unknown): record is AvroRecord {
  return typeof record === 'object' && record !== null && 'event_type' in record && 'timestamp' in record
}
