/** The calendar that event times are reckoned in: proleptic Gregorian, years 0001 to 9999, UTC. */

const minTimestampMs = -62_135_596_800_000
const maxTimestampMs = 253_402_300_799_999

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
