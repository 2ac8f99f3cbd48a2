/**
 * Epoch numbers, whose unit is told by their size:
 *
 *   |number|   < 1e11          seconds        (to the year 5138)
 *              < 1e14          milliseconds   (from March 1973 on)
 *              < 1e17          microseconds   (from March 1973 on)
 *              otherwise       refused
 */
import { isTimestampMs } from './calendar.ts'

const secondsBelow = 1e11
const millisBelow = 1e14
const microsBelow = 1e17

/** Epoch milliseconds, or null if the number is none or leads out of the years that events may carry. */
export function fromEpoch(value: number): number | null {
  const size = Math.abs(value)
  if (!(size < microsBelow)) return null
  // Seconds often carry a fraction that binary cannot hold: settle microseconds first, then cut.
  const unitsPerMs = size < millisBelow ? 1 : 1e3
  const millis = size < secondsBelow ? Math.round(value * 1e6) / 1e3 : value / unitsPerMs
  const timestampMs = Math.floor(millis) + 0
  return isTimestampMs(timestampMs) ? timestampMs : null
}
