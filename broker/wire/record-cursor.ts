import { CorruptBatch } from './corrupt-batch.ts'
import type { RecordBatch } from './record-batch.ts'

/**
 * Walks the records of a batch without making an object for any of them: the fields hold the current record
 * until `next` is called again.
 *
 *   record: length varint | attributes i8 | timestampDelta varlong | offsetDelta varint |
 *           keyLength varint, key | valueLength varint, value | headerCount varint, headers
 */
export interface RecordCursor {
  reset(batch: RecordBatch): void
  /** Moves to the next record. @throws {CorruptBatch} when the bytes do not add up */
  next(): boolean
  offset: number
  timestampMs: number
  /** What the bounds below refer to. A start of -1 is a null key or value. */
  buffer: Buffer
  keyStart: number
  keyEnd: number
  valueStart: number
  valueEnd: number
  /** The current record's headers; makes objects, so not for the hot path. */
  headers(): [string, Buffer | null][]
}

const nothing = Buffer.alloc(0)

export function createRecordCursor(): RecordCursor {
  let buffer: Buffer = nothing
  let at = 0
  let left = 0
  let baseOffset = 0
  let baseTimestampMs = 0
  let appendTimeMs = -1
  let headersAt = 0
  let recordEnd = 0

  const corrupt = (message: string): CorruptBatch => new CorruptBatch(message, baseOffset)

  /** A zigzag varint of up to 32 bits. */
  const varint = (): number => {
    let raw = buffer[at++] ?? 0
    if (raw >= 0x80) {
      raw &= 0x7f
      let shift = 7
      for (;;) {
        const byte = buffer[at++] ?? 0
        raw |= (byte & 0x7f) << shift
        if (byte < 0x80) break
        shift += 7
        if (shift > 28) throw corrupt('varint too long')
      }
    }
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** A zigzag varint of up to 64 bits, exact below 2^53. */
  const varlong = (): number => {
    // Nearly every time delta fits three bytes.
    const first = buffer[at] ?? 0
    const second = buffer[at + 1] ?? 0
    const third = buffer[at + 2] ?? 0
    if (first < 0x80 || second < 0x80 || third < 0x80) return varint()
    let raw = 0
    let scale = 1
    for (let count = 0; count < 10; count++) {
      const byte = buffer[at++] ?? 0
      raw += (byte & 0x7f) * scale
      if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
      scale *= 128
    }
    throw corrupt('varlong too long')
  }

  const cursor: RecordCursor = {
    offset: -1,
    timestampMs: -1,
    buffer,
    keyStart: -1,
    keyEnd: -1,
    valueStart: -1,
    valueEnd: -1,
    reset(batch) {
      buffer = batch.records
      cursor.buffer = buffer
      at = 0
      left = batch.recordCount
      baseOffset = batch.baseOffset
      baseTimestampMs = batch.baseTimestampMs
      appendTimeMs = batch.logAppendTime ? batch.maxTimestampMs : -1
    },
    next() {
      if (left <= 0) {
        if (at !== buffer.length) throw corrupt('bytes left after the last record')
        return false
      }
      left--
      const length = varint()
      recordEnd = at + length
      if (length < 0 || recordEnd > buffer.length) throw corrupt('record longer than its batch')
      at++ // attributes, unused
      const timestampDelta = varlong()
      cursor.timestampMs = appendTimeMs >= 0 ? appendTimeMs : baseTimestampMs + timestampDelta
      cursor.offset = baseOffset + varint()
      const keyBytes = varint()
      cursor.keyStart = keyBytes < 0 ? -1 : at
      if (keyBytes > 0) at += keyBytes
      cursor.keyEnd = keyBytes < 0 ? -1 : at
      const valueBytes = varint()
      cursor.valueStart = valueBytes < 0 ? -1 : at
      if (valueBytes > 0) at += valueBytes
      cursor.valueEnd = valueBytes < 0 ? -1 : at
      // At least the header count must follow; headers themselves are looked at only when asked for.
      if (at >= recordEnd) throw corrupt('key or value longer than its record')
      headersAt = at
      at = recordEnd
      return true
    },
    headers() {
      const afterRecord = at
      at = headersAt
      const count = varint()
      if (count < 0 || count > recordEnd - at) throw corrupt('header count is off')
      const headers: [string, Buffer | null][] = []
      for (let index = 0; index < count; index++) {
        const name = slice()
        if (name === null) throw corrupt('header without a name')
        headers.push([name.toString('utf8'), slice()])
      }
      at = afterRecord
      return headers
    },
  }
  return cursor

  function slice(): Buffer | null {
    const length = varint()
    if (length < 0) return null
    if (length > recordEnd - at) throw corrupt('header longer than its record')
    at += length
    return buffer.subarray(at - length, at)
  }
}
