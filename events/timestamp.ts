/**
 * Reads event times:
 *   text    YYYY-MM-DD(T| )HH:MM[:SS[.fraction]][Z|±HH:MM]   without an offset: wall time in the given zone
 *   number  epoch, its unit told by its size (epoch.ts)
 * The fraction is cut to milliseconds. The calendar is checked (no 30 February, no 24:00). A leap second, 23:59:60
 * UTC, reads as the last millisecond of its minute. Years run from 0001 to 9999.
 */
import { daysFromCivil, daysInMonth, isTimestampMs } from './calendar.ts'
import { fromEpoch } from './epoch.ts'
import { createTextTimeReader } from './scalar-bytes.ts'
import { createZone } from './zone.ts'

/** Epoch milliseconds, or null if the value is no timestamp. */
export type TimestampReader = (value: unknown) => number | null

const dayMs = 86_400_000
const form =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([+-])(\d\d):(\d\d))?$/

/** @throws {SetupError} when the zone is not an IANA name that this Node.js knows */
export function createTimestampReader(timezone: string): TimestampReader {
  const zone = createZone(timezone)
  const commonForms = createTextTimeReader({ isUtc: zone.isUtc })
  const scratch = Buffer.alloc(128)
  return (value) => {
    if (typeof value === 'number') return fromEpoch(value)
    if (typeof value !== 'string') return null
    const byteCount = value.length <= 35 ? scratch.write(value) : 0
    const timestampMs = commonForms.read(scratch, 0, byteCount)
    return Number.isNaN(timestampMs) ? readTimeText(value, zone.toUtcMs) : timestampMs
  }
}

/** Every form there is; decides where the quicker reader of the common ones is not sure. */
export function readTimeText(text: string, toUtcMs: (wallMs: number) => number): number | null {
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
