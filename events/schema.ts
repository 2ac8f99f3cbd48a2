/**
 * Avro schemas of events and their fingerprints. The reader's schema has a default for every field that an older or
 * foreign writer may lack; defaults are no part of the fingerprint.
 * Adding a field: append the new schema to `writerSchemas`, keep the old ones for as long as the topic may hold them.
 */
import avro, { type Schema, type Type } from 'avsc'

export const eventSchema: Schema = {
  type: 'record',
  name: 'Event',
  namespace: 'dataflow',
  fields: [
    { name: 'event_id', type: 'string', default: '' },
    { name: 'event_type', type: 'string' },
    { name: 'timestamp', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'user_id', type: ['null', 'string'], default: null },
    { name: 'value', type: ['null', 'double'], default: null },
    { name: 'properties', type: ['null', 'string'], default: null },
  ],
}

/** Every schema with which an event may have been written; the first is the one we write. */
export const writerSchemas: readonly Schema[] = [eventSchema]

const emptyFingerprint = 0xc15d213aa4d7a795n

/** CRC-64-AVRO of the schema's canonical form, in the byte order of a single-object header: little-endian. */
export function fingerprintOf(type: Type): Buffer {
  const bytes = Buffer.alloc(8)
  // Without options avsc leaves out defaults, documentation and logical types: the Parsing Canonical Form.
  bytes.writeBigUInt64LE(crc64(Buffer.from(JSON.stringify(type.schema()))))
  return bytes
}

/** A union of null and one other type is read and written as the bare value. */
export function typeOf(schema: Schema): Type {
  return avro.Type.forSchema(schema, { wrapUnions: 'never' })
}

function crc64(bytes: Uint8Array): bigint {
  let crc = emptyFingerprint
  for (const byte of bytes) crc = (crc >> 8n) ^ crcOfByte((crc ^ BigInt(byte)) & 0xffn)
  return crc
}

function crcOfByte(byte: bigint): bigint {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? emptyFingerprint : 0n)
  return crc
}
