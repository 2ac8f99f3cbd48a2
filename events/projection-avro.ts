/**
 * Reads the fields that aggregation needs from the bytes of an Avro event of our own schema, in the order in which it
 * lays them out. Another schema, and whatever looks odd, is left to the decoder.
 *
 *   C3 01 fingerprint | event_id | event_type | timestamp | user_id? | value? | properties?
 *
 * A string is its length and bytes, numbers are zigzag varints, an optional field is 00 or 02 and the field.
 */

import { avroHeaderBytes, createAvroCodec } from './avro.ts'
import { isTimestampMs } from './calendar.ts'
import type { Dimension } from './dimensions.ts'
import { maxAbsValue } from './event.ts'
import { createJsonScan } from './json-scan.ts'
import type { ProjectedFields } from './projection-fields.ts'
import { setDimension } from './projection-json.ts'

export interface AvroProjector {
  /** True: `fields` hold the event, dimensions as spans. False: ask the decoder. */
  read(buffer: Buffer, start: number, end: number): boolean
}

export function createAvroProjector(
  dimensions: readonly Dimension[],
  fields: ProjectedFields,
): AvroProjector {
  const { header } = createAvroCodec()
  const scan = createJsonScan(dimensions.map(({ path }) => path))
  const slots = Int32Array.from(dimensions, ({ path }) => scan?.slotOf(path) ?? 0)
  /** After the varint read last; -1 when it was longer than its field may need. */
  let next = 0

  return {
    read(buffer, start, end) {
      if (!hasHeader(buffer, start, end)) return false
      let at = skipString(buffer, start + avroHeaderBytes, end)
      const typeBytes = readLength(buffer, at, end)
      if (typeBytes < 0) return false
      fields.typeStart = next
      fields.typeEnd = next + typeBytes
      fields.timestampMs = readTimestamp(buffer, fields.typeEnd, end)
      if (next < 0) return false
      at = skipOptionalString(buffer, next, end)
      if (at < 0 || at >= end) return false
      at = readValue(buffer, at, end)
      if (at < 0) return false
      const after = skipOptionalString(buffer, at, end)
      if (after !== end) return false
      if (slots.length === 0) return true
      return readDimensions(buffer, buffer[at] === 0 ? -1 : next, end)
    },
  }

  function hasHeader(buffer: Buffer, start: number, end: number): boolean {
    if (end - start < avroHeaderBytes) return false
    for (let at = 0; at < avroHeaderBytes; at++) if (buffer[start + at] !== header[at]) return false
    return true
  }

  /** Sets `next` to where the bytes begin. @returns their number, or -1 */
  function readLength(buffer: Buffer, at: number, end: number): number {
    if (at < 0 || at >= end) return -1
    const first = buffer[at] ?? 0
    let zigzag = first
    next = at + 1
    if (first >= 0x80) {
      const second = buffer[at + 1] ?? 0
      const third = buffer[at + 2] ?? 0
      zigzag = (first & 0x7f) | ((second & 0x7f) << 7)
      next = at + 2
      if (second >= 0x80) {
        if (third >= 0x80) return -1 // a megabyte and more
        zigzag |= third << 14
        next = at + 3
      }
    }
    if ((zigzag & 1) !== 0) return -1
    const length = zigzag >> 1
    return next + length <= end ? length : -1
  }

  /** The position after the string, or -1. */
  function skipString(buffer: Buffer, at: number, end: number): number {
    const length = readLength(buffer, at, end)
    return length < 0 ? -1 : next + length
  }

  function skipOptionalString(buffer: Buffer, at: number, end: number): number {
    if (at < 0 || at >= end) return -1
    const branch = buffer[at]
    if (branch === 0) return at + 1
    return branch === 2 ? skipString(buffer, at + 1, end) : -1
  }

  /** Sets `next` to the position after it, or to -1. */
  function readTimestamp(buffer: Buffer, at: number, end: number): number {
    let zigzag = 0
    let scale = 1
    // 49 bits hold every event time, with room.
    for (let position = at; position < end && position < at + 7; position++) {
      const byte = buffer[position] ?? 0
      zigzag += (byte & 0x7f) * scale
      scale *= 128
      if (byte < 0x80) {
        const isNegative = zigzag % 2 === 1
        const timestampMs = isNegative ? -(zigzag + 1) / 2 : zigzag / 2
        next = isTimestampMs(timestampMs) ? position + 1 : -1
        return timestampMs
      }
    }
    next = -1
    return 0
  }

  /** The position after it, or -1. */
  function readValue(buffer: Buffer, at: number, end: number): number {
    const branch = buffer[at]
    fields.hasValue = branch === 2
    if (branch === 0) return at + 1
    if (branch !== 2 || at + 9 > end) return -1
    fields.value = buffer.readDoubleLE(at + 1) + 0
    return Math.abs(fields.value) <= maxAbsValue ? at + 9 : -1
  }

  function readDimensions(buffer: Buffer, start: number, end: number): boolean {
    if (start < 0) {
      fields.dimensionStarts.fill(-1)
      return true
    }
    if (!scan?.scan(buffer, start, end)) return false
    for (let column = 0; column < slots.length; column++) {
      if (!setDimension(fields, column, scan, slots[column] ?? 0, buffer)) return false
    }
    return true
  }
}
