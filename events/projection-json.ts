/**
 * Reads the fields that aggregation needs from a JSON value's bytes. Accepts only what it is sure of; everything else,
 * and so everything that is to be rejected, is left to the decoder.
 */
import type { Dimension } from './dimensions.ts'
import { maxAbsValue, maxEventIdChars, maxUserIdChars } from './event.ts'
import { type EventMap, parseEventMap } from './event-map.ts'
import { ownFormPrefix } from './json.ts'
import type { JsonPath } from './json-path.ts'
import { createJsonScan, type JsonScan, jsonKind } from './json-scan.ts'
import type { ProjectedFields } from './projection-fields.ts'
import { createTextTimeReader, isShortInteger, readEpoch, readNumber } from './scalar-bytes.ts'

export interface JsonProjector {
  /** True: `fields` hold the event, dimensions as spans. False: ask the decoder. */
  read(buffer: Buffer, start: number, end: number): boolean
}

export interface JsonProjectorSettings {
  map: EventMap
  dimensions: readonly Dimension[]
  isUtc: boolean
}

export function createJsonProjector(settings: JsonProjectorSettings, fields: ProjectedFields): JsonProjector {
  const prefix = Buffer.from(ownFormPrefix)
  const foreign = createForm({ ...settings, isOwnForm: false }, fields)
  const own = createForm({ ...settings, map: parseEventMap(''), isOwnForm: true }, fields)
  return {
    read(buffer, start, end) {
      const form = isOwnForm(buffer, start, end) ? own : foreign
      return form?.read(buffer, start, end) ?? false
    },
  }

  function isOwnForm(buffer: Buffer, start: number, end: number): boolean {
    if (end - start < prefix.length) return false
    for (let at = 0; at < prefix.length; at++) if (buffer[start + at] !== prefix[at]) return false
    return true
  }
}

/** A dimension lies at the top level or, where the top level has no such key, in a `properties` object. */
interface DimensionSlots {
  /** Of the top-level key that decides which; -1 if the dimension cannot lie there. */
  decider: number
  top: number
  inProperties: number
}

/** Null when the paths overlap in a way that takes the slow way every time. */
function createForm(
  { map, dimensions, isUtc, isOwnForm }: JsonProjectorSettings & { isOwnForm: boolean },
  fields: ProjectedFields,
): JsonProjector | null {
  const taken = new Set(Object.values(map).flatMap((path) => (path.length === 1 ? path : [])))
  if (isOwnForm) taken.add('dataflow')
  const mayLieOnTop = (path: JsonPath): boolean => !taken.has(path[0] ?? '')
  const paths = Object.values(map)
  for (const { path } of dimensions) {
    if (path[0] === 'properties' || taken.has('properties')) return null
    paths.push(['properties', ...path])
    if (mayLieOnTop(path)) paths.push(path)
  }
  const scan = createJsonScan(paths)
  if (!scan) return null

  const slots = dimensions.map(({ path }): DimensionSlots => {
    const inProperties = scan.slotOf(['properties', ...path])
    if (!mayLieOnTop(path)) return { decider: -1, top: -1, inProperties }
    return { decider: scan.slotOf(path.slice(0, 1)), top: scan.slotOf(path), inProperties }
  })
  const typeSlot = scan.slotOf(map.event_type)
  const timestampSlot = scan.slotOf(map.timestamp)
  const valueSlot = scan.slotOf(map.value)
  const eventIdSlot = scan.slotOf(map.event_id)
  const userIdSlot = scan.slotOf(map.user_id)
  const textTime = createTextTimeReader({ isUtc })

  return {
    read(buffer, start, end) {
      if (!scan.scan(buffer, start, end)) return false
      const { kinds, starts, ends } = scan
      if (kinds[typeSlot] !== jsonKind.text) return false
      fields.typeStart = starts[typeSlot] ?? 0
      fields.typeEnd = ends[typeSlot] ?? 0
      if (!isPlainId(buffer, eventIdSlot, maxEventIdChars)) return false
      if (!isPlainId(buffer, userIdSlot, maxUserIdChars)) return false
      if (!readTimestamp(buffer) || !readValue(buffer)) return false
      for (let column = 0; column < slots.length; column++) {
        const at = slots[column]
        if (at === undefined) return false
        const isOnTop = at.decider >= 0 && kinds[at.decider] !== jsonKind.absent
        if (!setDimension(fields, column, scan, isOnTop ? at.top : at.inProperties, buffer)) return false
      }
      return true
    },
  }

  function readTimestamp(buffer: Buffer): boolean {
    const from = scan?.starts[timestampSlot] ?? 0
    const to = scan?.ends[timestampSlot] ?? 0
    const kind = scan?.kinds[timestampSlot]
    if (kind === jsonKind.text) fields.timestampMs = textTime.read(buffer, from, to)
    else if (kind === jsonKind.number) fields.timestampMs = readEpoch(buffer, from, to)
    else return false
    return !Number.isNaN(fields.timestampMs)
  }

  function readValue(buffer: Buffer): boolean {
    const kind = scan?.kinds[valueSlot]
    fields.hasValue = kind === jsonKind.number
    if (!fields.hasValue) return kind === jsonKind.absent || kind === jsonKind.null
    fields.value = readNumber(buffer, scan?.starts[valueSlot] ?? 0, scan?.ends[valueSlot] ?? 0) + 0
    return Math.abs(fields.value) <= maxAbsValue
  }

  function isPlainId(buffer: Buffer, slot: number, maxChars: number): boolean {
    const from = scan?.starts[slot] ?? 0
    const to = scan?.ends[slot] ?? 0
    switch (scan?.kinds[slot]) {
      case jsonKind.absent:
      case jsonKind.null:
        return true
      case jsonKind.text:
        return to - from <= maxChars // a text has no more characters than bytes
      case jsonKind.number:
        return isShortInteger(buffer, from, to)
      default:
        return false
    }
  }
}

/** Notes where a dimension's text lies. False if its bytes are not surely the text that the slow way would make. */
export function setDimension(
  fields: ProjectedFields,
  column: number,
  scan: JsonScan,
  slot: number,
  buffer: Buffer,
): boolean {
  const from = scan.starts[slot] ?? 0
  const to = scan.ends[slot] ?? 0
  switch (scan.kinds[slot]) {
    case jsonKind.text:
    case jsonKind.true:
    case jsonKind.false:
      break
    case jsonKind.number: {
      // 1.50 and 1e3 are written 1.5 and 1000 by the slow way, and -0 is written 0.
      if (buffer[from] === 0x2d || !isShortInteger(buffer, from, to)) return false
      break
    }
    case jsonKind.escapedText:
      return false
    default:
      fields.dimensionStarts[column] = -1
      return true
  }
  fields.dimensionStarts[column] = from
  fields.dimensionEnds[column] = to
  return true
}
