/** Times and intervals of a request. Pure. */
import { windowStartMs } from '../../windows/index.ts'

/** Half-open: [fromMs, toMs); null is unbounded. */
export interface Interval {
  fromMs: number | null
  toMs: number | null
}

export type ParsedTime = { kind: 'time'; timeMs: number } | { kind: 'invalid'; detail: string }

const pattern = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/
const expected = 'must be an RFC 3339 time, such as 2026-03-01T00:00:00Z'

/** A date and time with its offset from UTC; nothing is guessed. Fractions below a millisecond must be 0. */
export function parseTime(text: string): ParsedTime {
  const match = pattern.exec(text)
  if (!match) return { kind: 'invalid', detail: expected + hintFor(text) }
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', fraction = ''] = match
  const [sign, offsetHour = '0', offsetMinute = '0'] = match.slice(8)
  const isReal =
    Number(month) >= 1 &&
    Number(month) <= 12 &&
    Number(day) >= 1 &&
    Number(day) <= daysIn(Number(year), Number(month)) &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 59 &&
    Number(offsetHour) <= 23 &&
    Number(offsetMinute) <= 59
  if (!isReal) return { kind: 'invalid', detail: `${expected}; there is no ${text}` }
  if (/[1-9]/.test(fraction.slice(3)))
    return { kind: 'invalid', detail: 'must not be finer than a millisecond' }
  const millis = fraction.slice(0, 3).padEnd(3, '0')
  const localMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`)
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000
  return { kind: 'time', timeMs: sign === '-' ? localMs + offsetMs : localMs - offsetMs }
}

/**
 * Totals are kept per window, so an interval must begin and end between two of them: anything finer would be a guess.
 * @returns what to write instead, or null when the time fits
 */
export function misalignment(timeMs: number, windowMs: number): string | null {
  const startMs = windowStartMs(timeMs, windowMs)
  if (startMs === timeMs) return null
  return `must fall on a window of ${windowMs} ms, such as ${isoTime(startMs)} or ${isoTime(startMs + windowMs)}`
}

/** RFC 3339 in UTC, to the millisecond only where it has any. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z')
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
}

/** The common slips. */
function hintFor(text: string): string {
  if (/\d \d\d:\d\d$/.test(text) && /T/i.test(text)) return '; write the + of its offset as %2B'
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return '; a date alone has no time zone'
  if (/T\d\d:\d\d(:\d\d(\.\d+)?)?$/i.test(text)) return '; the Z or the offset is missing'
  return ''
}
