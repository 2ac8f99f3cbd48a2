/**
 * JSON text to Event. Two forms are read:
 *   foreign    any object; EVENT_MAP says where the fields are. What is not taken whole as a field goes to `properties`:
 *              the members of a `properties` object, and beside them every other top-level key (which wins over a
 *              member of the same name). A field found deeper, like actor.login, also stays where it was.
 *   our own    begins with the bytes {"dataflow":1, as encodeEvent writes it: the fields have their own names whatever
 *              EVENT_MAP says, so that what producers have mapped is not mapped again by those who read the topic.
 * As in JSON.parse, the last of several equal keys counts, and numbers are doubles.
 */
import { isUtf8 } from 'node:buffer'
import { errorMessage } from '../runtime/errors.ts'
import { type Event, type Parsed, rejected } from './event.ts'
import { type EventMap, parseEventMap } from './event-map.ts'
import { isJsonObject, type JsonObject, valueAt } from './json-path.ts'
import { createTimestampReader, type TimestampReader } from './timestamp.ts'
import {
  checkEventId,
  checkEventType,
  checkTimestamp,
  checkUserId,
  checkValue,
  isRejection,
} from './validate.ts'

export interface EventParser {
  /** `derivedId` becomes the event's id if it brings none. One object, without a newline at its end or with one. */
  parse(json: Uint8Array, derivedId: string): Parsed
}

export const ownFormPrefix = '{"dataflow":1,'
/** Objects and arrays inside one another; guards the stack of whoever walks the properties. */
export const maxJsonDepth = 100

const asArrayMessage =
  "this is a JSON array, not one event a line: turn it into lines with jq -c '.[]' file > file.ndjson"

/** @throws {SetupError} when the time zone is unknown */
export function createEventParser(settings: { map: EventMap; timezone: string }): EventParser {
  const readTimestamp = createTimestampReader(settings.timezone)
  const ownForm = createForm(parseEventMap(''), ['dataflow'])
  const foreignForm = createForm(settings.map)
  return {
    parse(json, derivedId) {
      if (json.length === 0) return rejected('empty_value', 'there is nothing here')
      if (!isUtf8(json)) return rejected('invalid_utf8', 'this is not UTF-8 text')
      const text = withoutByteOrderMark(textOf(json))
      if (/^[ \t\r\n]*\[/.test(text)) return rejected('json_array', asArrayMessage)

      let value: unknown
      try {
        value = JSON.parse(text)
      } catch (error) {
        return rejected('not_json', `this is not JSON: ${errorMessage(error)}`)
      }
      if (!isJsonObject(value)) return rejected('not_an_object', 'this is JSON, but not an object')
      if (isTooDeep(text)) return rejected('too_deep', `objects or arrays nest over ${maxJsonDepth} deep`)

      const form = text.startsWith(ownFormPrefix) ? ownForm : foreignForm
      return toEvent(value, form, readTimestamp, derivedId)
    },
  }
}

/** Our own form; null fields are left out. `properties` must be what an EventParser made. */
export function encodeJsonEvent(event: Event): Uint8Array {
  const { eventId, eventType, timestampMs, userId, value, properties } = event
  const parts = [
    `${ownFormPrefix}"event_id":${JSON.stringify(eventId)}`,
    `"event_type":${JSON.stringify(eventType)}`,
    `"timestamp":"${new Date(timestampMs).toISOString()}"`,
  ]
  if (userId !== null) parts.push(`"user_id":${JSON.stringify(userId)}`)
  if (value !== null) parts.push(`"value":${JSON.stringify(value)}`)
  if (properties !== null) parts.push(`"properties":${properties}`)
  return Buffer.from(`${parts.join(',')}}`)
}

interface Form {
  map: EventMap
  /** Top-level keys that are no properties, because a field takes them whole. */
  taken: ReadonlySet<string>
}

function createForm(map: EventMap, more: readonly string[] = []): Form {
  return {
    map,
    taken: new Set([
      ...Object.values(map).flatMap(([key = '', ...rest]) => (rest.length ? [] : key)),
      ...more,
    ]),
  }
}

function toEvent(object: JsonObject, form: Form, readTimestamp: TimestampReader, derivedId: string): Parsed {
  const { map } = form
  const eventType = checkEventType(valueAt(object, map.event_type))
  if (isRejection(eventType)) return { kind: 'rejected', ...eventType }
  const timestampMs = checkTimestamp(valueAt(object, map.timestamp), readTimestamp)
  if (isRejection(timestampMs)) return { kind: 'rejected', ...timestampMs }
  const eventId = checkEventId(valueAt(object, map.event_id))
  if (isRejection(eventId)) return { kind: 'rejected', ...eventId }
  const userId = checkUserId(valueAt(object, map.user_id))
  if (isRejection(userId)) return { kind: 'rejected', ...userId }
  const value = checkValue(valueAt(object, map.value))
  if (isRejection(value)) return { kind: 'rejected', ...value }

  const properties = restOf(object, form.taken)
  return {
    kind: 'event',
    event: { eventId: eventId ?? derivedId, eventType, timestampMs, userId, value, properties },
  }
}

/** JSON text of what no field takes whole, or null if that is nothing. */
function restOf(object: JsonObject, taken: ReadonlySet<string>): string | null {
  const inner = taken.has('properties') || !Object.hasOwn(object, 'properties') ? null : object.properties
  const others = Object.keys(object).filter((key) => key !== 'properties' && !taken.has(key))
  if (others.length === 0) {
    if (inner === null) return null
    if (isJsonObject(inner)) return Object.keys(inner).length === 0 ? null : JSON.stringify(inner)
  }
  // Without a prototype, so that __proto__ is a key like any other.
  const rest: Record<string, unknown> = Object.create(null)
  if (isJsonObject(inner)) for (const key of Object.keys(inner)) rest[key] = inner[key]
  else if (inner !== null) rest.properties = inner
  for (const key of others) rest[key] = object[key]
  return JSON.stringify(rest)
}

/** Counts brackets outside strings; the text is valid JSON already. */
function isTooDeep(text: string): boolean {
  if (!hasManyOpenings(text)) return false
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x22) at = endOfString(text, at)
    else if (unit === 0x7b || unit === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (unit === 0x7d || unit === 0x5d) depth--
  }
  return deepest > maxJsonDepth
}

/** Few lines do, and only they are worth a walk from character to character. */
function hasManyOpenings(text: string): boolean {
  let count = 0
  for (const opening of '{[') {
    for (let at = text.indexOf(opening); at >= 0; at = text.indexOf(opening, at + 1)) {
      if (++count > maxJsonDepth) return true
    }
  }
  return false
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++
  return backslashes % 2 === 1
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

function withoutByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}
