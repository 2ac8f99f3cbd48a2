/**
 * Numbers and times straight from their bytes. NaN means "I am not sure", never "this is wrong": the caller then takes
 * the slow way, which decides.
 */
import { daysFromCivil, daysInMonth, isTimestampMs } from './calendar.ts'
import { fromEpoch } from './epoch.ts'

const dayMs = 86_400_000
/** Powers of ten that a double holds exactly. */
const powersOfTen = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))
const largestExact = Number.MAX_SAFE_INTEGER

/** A valid JSON number. Agrees with JSON.parse to the last bit. */
export function readNumber(buffer: Buffer, start: number, end: number): number {
  let at = start
  const isNegative = buffer[at] === 0x2d
  if (isNegative) at++
  let digits = 0
  let fractionDigits = 0
  let isFraction = false
  let mantissa = 0
  for (; at < end; at++) {
    const byte = buffer[at] ?? 0
    if (byte === 0x2e) {
      isFraction = true
      continue
    }
    if (byte > 0x39) break // an exponent
    mantissa = mantissa * 10 + (byte - 0x30)
    digits++
    if (isFraction) fractionDigits++
  }
  // Both numbers are exact here, so the one division rounds as a correct reader of decimals must (Clinger).
  if (at === end && digits <= 22 && mantissa <= largestExact) {
    const value = fractionDigits === 0 ? mantissa : mantissa / (powersOfTen[fractionDigits] ?? 1)
    return isNegative ? -value : value
  }
  return Number(buffer.toString('latin1', start, end))
}

/** Whether a JSON number is certainly a whole one below 2^53. */
export function isShortInteger(buffer: Buffer, start: number, end: number): boolean {
  if (end - start > 15) return false
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0
    if (byte === 0x2e || byte > 0x39) return false
  }
  return true
}

export function readEpoch(buffer: Buffer, start: number, end: number): number {
  return fromEpoch(readNumber(buffer, start, end)) ?? Number.NaN
}

export interface TextTimeReader {
  /** Epoch ms of YYYY-MM-DD(T| )HH:MM:SS[.fraction](Z|±HH:MM); without offset too, if the zone is UTC. */
  read(buffer: Buffer, start: number, end: number): number
}

export function createTextTimeReader({ isUtc }: { isUtc: boolean }): TextTimeReader {
  let lastDate = -1
  let lastDays = 0

  return {
    read(buffer, start, end) {
      if (end - start < 19) return Number.NaN
      const days = daysOf(buffer, start)
      const separator = buffer[start + 10]
      if (days < 0 || (separator !== 0x54 && separator !== 0x20)) return Number.NaN
      if (buffer[start + 13] !== 0x3a || buffer[start + 16] !== 0x3a) return Number.NaN
      const hour = twoDigits(buffer, start + 11)
      const minute = twoDigits(buffer, start + 14)
      const second = twoDigits(buffer, start + 17)
      if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return Number.NaN

      let at = start + 19
      let millis = 0
      if (at < end && buffer[at] === 0x2e) {
        let weight = 100
        const fraction = ++at
        for (; at < end; at++) {
          const digit = (buffer[at] ?? 0) - 0x30
          if (digit < 0 || digit > 9) break
          millis += digit * weight
          weight = weight === 100 ? 10 : weight === 10 ? 1 : 0
        }
        if (at === fraction) return Number.NaN
      }
      const offsetMinutes = offsetOf(buffer, at, end)
      if (offsetMinutes === unsure) return Number.NaN
      const minutes = hour * 60 + minute - offsetMinutes
      const timestampMs = days * dayMs + minutes * 60_000 + (second * 1_000 + millis)
      return isTimestampMs(timestampMs) ? timestampMs : Number.NaN
    },
  }

  /** Days from 1970-01-01 on; -1 for earlier dates and for what is no date. */
  function daysOf(buffer: Buffer, start: number): number {
    const century = twoDigits(buffer, start)
    const yearOfCentury = twoDigits(buffer, start + 2)
    const month = twoDigits(buffer, start + 5)
    const day = twoDigits(buffer, start + 8)
    if (buffer[start + 4] !== 0x2d || buffer[start + 7] !== 0x2d) return -1
    if (century < 0 || yearOfCentury < 0 || month < 1 || day < 1) return -1
    const year = century * 100 + yearOfCentury
    const date = year * 10_000 + month * 100 + day
    if (date === lastDate) return lastDays
    if (year < 1970 || month > 12 || day > daysInMonth(year, month)) return -1
    lastDate = date
    lastDays = daysFromCivil(year, month, day)
    return lastDays
  }

  /** Minutes east of UTC. */
  function offsetOf(buffer: Buffer, at: number, end: number): number {
    if (at === end) return isUtc ? 0 : unsure
    const sign = buffer[at]
    if (sign === 0x5a && at + 1 === end) return 0
    if ((sign !== 0x2b && sign !== 0x2d) || at + 6 !== end || buffer[at + 3] !== 0x3a) return unsure
    const hours = twoDigits(buffer, at + 1)
    const minutes = twoDigits(buffer, at + 4)
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return unsure
    return sign === 0x2b ? hours * 60 + minutes : -(hours * 60 + minutes)
  }
}

const unsure = 0x7fffffff

function twoDigits(buffer: Buffer, at: number): number {
  const tens = (buffer[at] ?? 0) - 0x30
  const ones = (buffer[at + 1] ?? 0) - 0x30
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones
}
