/**
 * Wall time in an IANA zone to UTC, by the zone data that Node.js carries (Intl); never the machine's own zone.
 * Where a clock change makes the answer unclear, it follows what java.time and Temporal do:
 *   skipped    02:30 when clocks jump 02:00 -> 03:00: the offset from before the jump holds, so it reads as 03:30
 *   repeated   02:30 when clocks fall 03:00 -> 02:00: the first of the two
 */
import { SetupError } from '../runtime/errors.ts'

export interface Zone {
  readonly isUtc: boolean
  /** `wallMs` is the wall time as if it were UTC. */
  toUtcMs(wallMs: number): number
}

const dayMs = 86_400_000
const maxCachedDays = 4_096
/** Before it, Intl counts years backwards (1 BC); no zone differs there from what it had on this day. */
const earliestMs = -62_104_060_800_000

/** @throws {SetupError} when the name is unknown */
export function createZone(name: string): Zone {
  const format = createFormat(name)
  if (format.resolvedOptions().timeZone === 'UTC') return { isUtc: true, toUtcMs: (wallMs) => wallMs }
  const offsetOfDay = new Map<number, number | null>()

  return {
    isUtc: false,
    toUtcMs(wallMs) {
      const before = offsetAt(wallMs - dayMs)
      const after = offsetAt(wallMs + dayMs)
      if (before === after) return wallMs - before
      const candidates = [wallMs - before, wallMs - after].filter(
        (utcMs) => wallMs - utcMs === offsetAt(utcMs),
      )
      return candidates.length === 0 ? wallMs - before : Math.min(...candidates)
    },
  }

  function offsetAt(utcMs: number): number {
    const day = Math.floor(utcMs / dayMs)
    let offset = offsetOfDay.get(day)
    if (offset === undefined) {
      const first = measureOffset(day * dayMs)
      offset = first === measureOffset((day + 1) * dayMs) ? first : null
      if (offsetOfDay.size >= maxCachedDays) offsetOfDay.clear()
      offsetOfDay.set(day, offset)
    }
    return offset ?? measureOffset(utcMs)
  }

  function measureOffset(utcMs: number): number {
    const secondMs = Math.max(earliestMs, Math.floor(utcMs / 1_000) * 1_000)
    const parts = new Map(format.formatToParts(secondMs).map(({ type, value }) => [type, Number(value)]))
    const of = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0
    const wall = new Date(0)
    wall.setUTCFullYear(of('year'), of('month') - 1, of('day')) // unlike Date.UTC, right for years below 100
    wall.setUTCHours(of('hour'), of('minute'), of('second'))
    return wall.getTime() - secondMs
  }
}

function createFormat(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (cause) {
    const message = `EVENT_TIMEZONE=${timeZone} is not a known time zone: use an IANA name such as Europe/Berlin or UTC`
    throw new SetupError(message, cause)
  }
}
