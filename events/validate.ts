/**
 * Judges single fields of outside data. Each returns the clean value, `null` for one that is absent (JSON null counts
 * as absent, and so does the empty string for the two ids), or a Rejection.
 */
import { isTimestampMs } from './calendar.ts'
import {
  maxAbsValue,
  maxEventIdChars,
  maxEventTypeChars,
  maxUserIdChars,
  type ReasonCode,
  type Rejection,
} from './event.ts'
import type { TimestampReader } from './timestamp.ts'

/** Half of a surrogate pair has no UTF-8 form. */
const loneSurrogate = /\p{Surrogate}/u

export function isRejection(checked: unknown): checked is Rejection {
  return typeof checked === 'object' && checked !== null
}

export function checkEventType(value: unknown): string | Rejection {
  if (value === undefined || value === null) {
    return { reason: 'missing_event_type', message: 'event_type is missing' }
  }
  if (typeof value !== 'string') return badEventType(`is ${typeName(value)}, not a string`)
  if (value === '') return badEventType('is empty')
  if (loneSurrogate.test(value)) return badEventType('holds half of a surrogate pair')
  if (hasControlCharacter(value)) return badEventType('holds a control character')
  if (isLongerThan(value, maxEventTypeChars)) {
    return badEventType(`is longer than ${maxEventTypeChars} characters`)
  }
  return value
}

export function checkTimestamp(value: unknown, readTimestamp: TimestampReader): number | Rejection {
  if (value === undefined || value === null) {
    return { reason: 'missing_timestamp', message: 'timestamp is missing' }
  }
  const timestampMs = readTimestamp(value)
  return timestampMs ?? badTimestamp(value)
}

/** For a timestamp that is already epoch milliseconds, as Avro carries it. */
export function checkTimestampMs(value: number): number | Rejection {
  return isTimestampMs(value) ? value + 0 : badTimestamp(value)
}

export function checkValue(value: unknown): number | null | Rejection {
  if (value === undefined || value === null) return null
  if (typeof value !== 'number') {
    return { reason: 'bad_value', message: `value is ${typeName(value)}, not a number` }
  }
  if (!(Math.abs(value) <= maxAbsValue)) {
    return { reason: 'bad_value', message: `value is not a number of at most ${maxAbsValue}` }
  }
  return value + 0 // makes -0 plain 0, so that minimum and maximum have one spelling
}

export function checkUserId(value: unknown): string | null | Rejection {
  return checkId(value, { reason: 'bad_user_id', name: 'user_id', maxChars: maxUserIdChars })
}

export function checkEventId(value: unknown): string | null | Rejection {
  return checkId(value, { reason: 'bad_event_id', name: 'event_id', maxChars: maxEventIdChars })
}

interface IdRule {
  reason: ReasonCode
  name: string
  maxChars: number
}

function checkId(value: unknown, { reason, name, maxChars }: IdRule): string | null | Rejection {
  if (value === undefined || value === null || value === '') return null
  // Beyond 2^53 two different ids would read as one number, so such ids must come as strings.
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (typeof value !== 'string') {
    return { reason, message: `${name} is neither a string nor a whole number below 2^53` }
  }
  if (loneSurrogate.test(value)) return { reason, message: `${name} holds half of a surrogate pair` }
  if (isLongerThan(value, maxChars)) {
    return { reason, message: `${name} is longer than ${maxChars} characters` }
  }
  return value
}

function badEventType(what: string): Rejection {
  return { reason: 'bad_event_type', message: `event_type ${what}` }
}

function badTimestamp(value: unknown): Rejection {
  const shown = JSON.stringify(value)?.slice(0, 60)
  const forms = 'RFC 3339 (2026-01-31T09:30:00Z) or epoch seconds, milliseconds or microseconds'
  return { reason: 'bad_timestamp', message: `timestamp ${shown} is no real date in ${forms}` }
}

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) return true
  }
  return false
}

/** Counts code points; the first test spares the count for nearly every string. */
function isLongerThan(text: string, maxChars: number): boolean {
  if (text.length <= maxChars) return false
  return text.length > 2 * maxChars || [...text].length > maxChars
}

function typeName(value: unknown): string {
  return Array.isArray(value) ? 'an array' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
