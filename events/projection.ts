/**
 * From a record's bytes to what aggregation needs, without making anything per record. One mutable result is used again
 * and again. Two byte readers know the usual forms of JSON and Avro; a record that they are not sure of goes through the
 * decoder, which alone rejects. So both ways always agree; a fuzz test holds them to it.
 */
import { isUtf8 } from 'node:buffer'
import { createEventDecoder, type EventSettings } from './decode.ts'
import { dimensionValues } from './dimensions.ts'
import type { Event, Rejection } from './event.ts'
import { createInternTable, type InternTable, refused } from './intern-table.ts'
import { createAvroProjector } from './projection-avro.ts'
import { createProjectedFields } from './projection-fields.ts'
import { createJsonProjector } from './projection-json.ts'
import { checkEventType, isRejection } from './validate.ts'
import { createZone } from './zone.ts'

export interface Projection {
  /**
   * Reads the record value in [start, end); a start of -1 is a record without a value. True: accepted, the fields below
   * are set. False: `rejection` says why.
   */
  read(buffer: Buffer, start: number, end: number, recordTimestampMs: number): boolean
  typeId: number
  timestampMs: number
  hasValue: boolean
  /** Means nothing unless hasValue. */
  value: number
  /** By dimension: the value's number, `nullDimension` or `otherDimension`. */
  readonly dimensionIds: Int32Array
  rejection: Rejection | null
  typeName(id: number): string
  /** The text of a dimension's number; null for `nullDimension`, `__other__` for `otherDimension`. */
  dimensionValue(column: number, id: number): string | null
  /** Forgets all names; numbers start at 0 again. To be called when nothing holds numbers any more: after a flush. */
  reset(): void
}

export const nullDimension = -1
/** A value of over 64 bytes, or one beyond the first 1,000 different ones since the last reset. */
export const otherDimension = refused
const otherText = '__other__'
const maxDimensionBytes = 64
const maxDimensionValues = 1_000
/** What 128 characters may take; longer ones are for the decoder to reject. */
const maxTypeBytes = 512

/** @throws {SetupError} when the time zone is unknown */
export function createProjection(settings: EventSettings): Projection {
  const { map, timezone, dimensions, maxFutureMs } = settings
  const isUtc = createZone(timezone).isUtc
  const decoder = createEventDecoder(settings)
  const fields = createProjectedFields(dimensions.length)
  const avro = createAvroProjector(dimensions, fields)
  const json = createJsonProjector({ map, dimensions, isUtc }, fields)
  const types = createInternTable({ maxBytes: maxTypeBytes, accepts: isTypeName })
  const dimensionTables = dimensions.map(() =>
    createInternTable({ maxBytes: maxDimensionBytes, maxSize: maxDimensionValues }),
  )

  const projection: Projection = {
    typeId: 0,
    timestampMs: Number.NaN, // not 0, so that V8 makes room for a double
    hasValue: false,
    value: Number.NaN,
    dimensionIds: new Int32Array(dimensions.length),
    rejection: null,

    read(buffer, start, end, recordTimestampMs) {
      if (start < 0) return readSlowly(buffer, start, end, recordTimestampMs)
      const reader = buffer[start] === 0xc3 ? avro : json
      if (!reader.read(buffer, start, end)) return readSlowly(buffer, start, end, recordTimestampMs)
      const { timestampMs } = fields
      if (recordTimestampMs >= 0 && timestampMs > recordTimestampMs + maxFutureMs) {
        return readSlowly(buffer, start, end, recordTimestampMs)
      }
      // Names come last: a record that is turned away must leave none behind.
      const typeId = types.intern(buffer, fields.typeStart, fields.typeEnd)
      if (typeId < 0) return readSlowly(buffer, start, end, recordTimestampMs)
      for (let column = 0; column < dimensionTables.length; column++) {
        const from = fields.dimensionStarts[column] ?? -1
        const to = fields.dimensionEnds[column] ?? -1
        const id = from < 0 ? nullDimension : dimensionTables[column]?.intern(buffer, from, to)
        projection.dimensionIds[column] = id ?? nullDimension
      }
      projection.typeId = typeId
      projection.timestampMs = timestampMs
      projection.hasValue = fields.hasValue
      projection.value = fields.value
      projection.rejection = null
      return true
    },

    typeName: types.textOf,

    dimensionValue(column, id) {
      if (id === nullDimension) return null
      return id === otherDimension ? otherText : tableOf(column).textOf(id)
    },

    reset() {
      types.reset()
      for (const table of dimensionTables) table.reset()
    },
  }
  return projection

  function readSlowly(buffer: Buffer, start: number, end: number, recordTimestampMs: number): boolean {
    const value = start < 0 ? null : buffer.subarray(start, end)
    const parsed = decoder.decode(value, '', recordTimestampMs) // no id is needed here
    if (parsed.kind === 'rejected') {
      projection.rejection = parsed
      return false
    }
    setEvent(parsed.event)
    return true
  }

  function setEvent(event: Event): void {
    projection.typeId = types.internText(event.eventType)
    for (const [column, text] of dimensionValues(event, dimensions).entries()) {
      projection.dimensionIds[column] = text === null ? nullDimension : tableOf(column).internText(text)
    }
    projection.timestampMs = event.timestampMs
    projection.hasValue = event.value !== null
    projection.value = event.value ?? 0
    projection.rejection = null
  }

  function tableOf(column: number): InternTable {
    const table = dimensionTables[column]
    if (!table) throw new Error(`there is no dimension ${column}`)
    return table
  }
}

function isTypeName(text: string, bytes: Buffer): boolean {
  // Bytes that are not UTF-8 would give several numbers to one name.
  return !isRejection(checkEventType(text)) && isUtf8(bytes)
}
