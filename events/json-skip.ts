/**
 * Walks JSON text byte by byte without making anything of it: each function takes the position where something begins
 * and returns the one after it, or -1 if it is not valid JSON or nests too deep. Just as strict as JSON.parse, except
 * that bytes from 0x80 on pass inside strings; `notes` tells, so that the caller can have the UTF-8 checked.
 * `end` bounds the text: the buffer goes on with other records.
 */

/** Bits of notes[0], set when met and never cleared here. */
export const sawNonAscii = 1
export const sawEscape = 2

const quote = 0x22
const backslash = 0x5c
/** By byte: 1 for what may stand in a string as it is and needs no note. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== quote && byte !== backslash ? 1 : 0,
)

export function skipWhitespace(buffer: Buffer, start: number, end: number): number {
  // Nearly always there is none, and this function is small enough to be inlined up to here.
  return (buffer[start] ?? 0) > 0x20 ? start : skipBlanks(buffer, start, end)
}

function skipBlanks(buffer: Buffer, start: number, end: number): number {
  let at = start
  while (at < end) {
    const byte = buffer[at] ?? 0
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) break
    at++
  }
  return at
}

/** From after the opening quote to after the closing one. */
export function skipString(buffer: Buffer, start: number, end: number, notes: Uint8Array): number {
  for (let at = start; at < end; at++) {
    const byte = buffer[at] ?? 0
    if (isPlain[byte] === 1) continue
    if (byte === quote) return at + 1
    if (byte === backslash) {
      notes[0] = (notes[0] ?? 0) | sawEscape
      at = endOfEscape(buffer, at)
      if (at < 0) return -1
    } else if (byte >= 0x80) {
      notes[0] = (notes[0] ?? 0) | sawNonAscii
    } else {
      return -1 // a control character
    }
  }
  return -1
}

export function skipValue(
  buffer: Buffer,
  at: number,
  end: number,
  depthLeft: number,
  notes: Uint8Array,
): number {
  if (at >= end) return -1
  switch (buffer[at]) {
    case quote:
      return skipString(buffer, at + 1, end, notes)
    case 0x7b:
      return skipObject(buffer, at, end, depthLeft, notes)
    case 0x5b:
      return skipArray(buffer, at, end, depthLeft, notes)
    case 0x74: // t
      return isWord(buffer, at, end, 0x72, 0x75, 0x65) ? at + 4 : -1
    case 0x6e: // n
      return isWord(buffer, at, end, 0x75, 0x6c, 0x6c) ? at + 4 : -1
    case 0x66: // f, then "alse"
      return buffer[at + 1] === 0x61 && isWord(buffer, at + 1, end, 0x6c, 0x73, 0x65) ? at + 5 : -1
    default:
      return skipNumber(buffer, at, end)
  }
}

export function skipNumber(buffer: Buffer, start: number, end: number): number {
  let at = start
  if (buffer[at] === 0x2d) at++
  if (at < end && buffer[at] === 0x30) at++
  else at = skipDigits(buffer, at, end)
  if (at < 0) return -1
  if (at < end && buffer[at] === 0x2e) {
    at = skipDigits(buffer, at + 1, end)
    if (at < 0) return -1
  }
  if (at < end && ((buffer[at] ?? 0) | 0x20) === 0x65) {
    const sign = buffer[at + 1]
    at = skipDigits(buffer, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1, end)
  }
  return at
}

function skipObject(
  buffer: Buffer,
  start: number,
  end: number,
  depthLeft: number,
  notes: Uint8Array,
): number {
  if (depthLeft === 0) return -1
  let at = skipWhitespace(buffer, start + 1, end)
  if (at < end && buffer[at] === 0x7d) return at + 1
  for (;;) {
    if (at >= end || buffer[at] !== quote) return -1
    at = skipString(buffer, at + 1, end, notes)
    if (at < 0) return -1
    at = skipWhitespace(buffer, at, end)
    if (at >= end || buffer[at] !== 0x3a) return -1
    at = skipValue(buffer, skipWhitespace(buffer, at + 1, end), end, depthLeft - 1, notes)
    if (at < 0) return -1
    at = skipWhitespace(buffer, at, end)
    if (at >= end) return -1
    if (buffer[at] === 0x7d) return at + 1
    if (buffer[at] !== 0x2c) return -1
    at = skipWhitespace(buffer, at + 1, end)
  }
}

function skipArray(buffer: Buffer, start: number, end: number, depthLeft: number, notes: Uint8Array): number {
  if (depthLeft === 0) return -1
  let at = skipWhitespace(buffer, start + 1, end)
  if (at < end && buffer[at] === 0x5d) return at + 1
  for (;;) {
    at = skipValue(buffer, at, end, depthLeft - 1, notes)
    if (at < 0) return -1
    at = skipWhitespace(buffer, at, end)
    if (at >= end) return -1
    if (buffer[at] === 0x5d) return at + 1
    if (buffer[at] !== 0x2c) return -1
    at = skipWhitespace(buffer, at + 1, end)
  }
}

/** One digit at least. */
function skipDigits(buffer: Buffer, start: number, end: number): number {
  let at = start
  while (at < end && isDigit(buffer[at] ?? 0)) at++
  return at > start ? at : -1
}

/** From the backslash to the escape's last byte; one that `end` cuts off leads past it, where no quote can follow. */
function endOfEscape(buffer: Buffer, start: number): number {
  switch (buffer[start + 1]) {
    case 0x22: // " \ / b f n r t
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return start + 1
    case 0x75: {
      for (let at = start + 2; at < start + 6; at++) if (!isHexDigit(buffer[at] ?? 0)) return -1
      return start + 5
    }
    default:
      return -1
  }
}

/** Whether the three bytes after `at` are these. */
function isWord(buffer: Buffer, at: number, end: number, b1: number, b2: number, b3: number): boolean {
  return at + 4 <= end && buffer[at + 1] === b1 && buffer[at + 2] === b2 && buffer[at + 3] === b3
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

function isHexDigit(byte: number): boolean {
  return isDigit(byte) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)
}
