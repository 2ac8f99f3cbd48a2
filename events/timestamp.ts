/**
 * Reads event times:
 *   text    YYYY-MM-DD(T| )HH:MM[:SS[.fraction]][Z|±HH:MM]   without an offset: wall time in the given zone
 *   number  epoch, its unit told by its size (below)
 * The fraction is cut to milliseconds. The calendar is checked (no 30 February, no 24:00). A leap second, 23:59:60
 * UTC, reads as the last millisecond of its minute. Years run from 0001 to 9999.
 *
 *   |number|   < 1e11          seconds        (to the year 5138)
 *              < 1e14          milliseconds   (from March 1973 on)
 *              < 1e17          microseconds   (from March 1973 on)
 *              otherwise       refused
 */
import { createZone } from './zone.ts'

/** Epoch milliseconds, or null if the value is no timestamp. */
export type TimestampReader = (value: unknown) => number | null

export const minTimestampMs = -62_135_596_800_000
export const maxTimestampMs = 253_402_300_799_999
/** The sizes at which a number is no longer seconds, milliseconds, microseconds. */
export const secondsBelow = 1e11
export const millisBelow = 1e14
export const microsBelow = 1e17

const dayMs = 86_400_000
const form =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([+-])(\d\d):(\d\d))?$/

/** @throws {SetupError} when the zone is not an IANA name that this Node.js knows */
export function createTimestampReader(timezone: string): TimestampReader {
  const zone = createZone(timezone)
  return (value) => {
    if (typeof value === 'number') return fromEpoch(value)
    return typeof value === 'string' ? fromText(value, zone.toUtcMs) : null
  }
}

/** Whether epoch milliseconds lie in the years that an event may carry. */
export function isTimestampMs(value: number): boolean {
  return Number.isInteger(value) && value >= minTimestampMs && value <= maxTimestampMs
}

/** Days from 1970-01-01 to a date of the proleptic Gregorian calendar; month from 1. */
export function daysFromCivil(year: number, month: number, day: number): number {
  // Years are counted from March, so that the leap day comes last (the well-known "days from civil" reckoning).
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

export function fromEpoch(value: number): number | null {
  const size = Math.abs(value)
  if (!(size < microsBelow)) return null
  // Seconds often carry a fraction that binary cannot hold: settle microseconds first, then cut.
  const unitsPerMs = size < millisBelow ? 1 : 1e3
  const millis = size < secondsBelow ? Math.round(value * 1e6) / 1e3 : value / unitsPerMs
  const timestampMs = Math.floor(millis) + 0
  return isTimestampMs(timestampMs) ? timestampMs : null
}

function fromText(text: string, toUtcMs: (wallMs: number) => number): number | null {
  const match = form.exec(text)
  if (!match) return null
  const part = (group: number): number => Number(match[group] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)]
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null
  if (hour > 23 || minute > 59 || second > 60) return null
  const offsetHour = part(10)
  const offsetMinute = part(11)
  if (offsetHour > 23 || offsetMinute > 59) return null

  const isLeapSecond = second === 60
  const millis = isLeapSecond ? 999 : Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const wallSeconds = hour * 3_600 + minute * 60 + (isLeapSecond ? 59 : second)
  const wallMs = daysFromCivil(year, month, day) * dayMs + wallSeconds * 1_000 + millis

  const hasOffset = match[8] !== undefined || match[9] !== undefined
  const offsetMs = (match[9] === '-' ? -60_000 : 60_000) * (offsetHour * 60 + offsetMinute)
  const timestampMs = hasOffset ? wallMs - offsetMs : toUtcMs(wallMs)
  if (isLeapSecond && (timestampMs + 1) % dayMs !== 0) return null
  return isTimestampMs(timestampMs) ? timestampMs + 0 : null
}
