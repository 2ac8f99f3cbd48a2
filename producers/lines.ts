/**
 * Cuts a stream of bytes into lines without copying them.
 *
 *   chunk   ...}\n{"event_type":"cli | ck"}\r\n\n{...}\n | {...}
 *   lines      1  2 -------------------- 2     3  4        5      3 is blank: counted, never handed out
 *
 * A line inside one chunk is a view of that chunk; only a line that straddles chunks is put together in a buffer that
 * never grows beyond the longest allowed line. How the bytes are cut into chunks never changes the lines.
 */
export interface LineCursor {
  /** The bytes of the current line, without its line break; valid until the next `next` or `push`. */
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  /** Only the head of the line is in the buffer: it has more bytes than a line may have. */
  readonly tooLong: boolean
  /** Number of the last line consumed, from 1, blank lines counted. */
  readonly line: number
  /** Where the bytes after that line begin: with `line`, the point to go on from. */
  readonly nextByte: number
  /** Hands over the next bytes; `next` must have returned false before. */
  push(chunk: Uint8Array): void
  /** No more bytes come: what is left is the last line, though it lacks its line break. */
  finish(): void
  /** Goes to the next line that is not blank. @returns false when it takes more bytes */
  next(): boolean
}

export interface LineCursorOptions {
  maxLineBytes?: number
  /** Where an earlier cursor left off. */
  from?: { line: number; nextByte: number }
}

/** Leaves room for a key and headers below the 1 MB that Kafka takes by default. */
export const defaultMaxLineBytes = 1_000_000
const headBytes = 1_024
const newline = 0x0a
const carriageReturn = 0x0d

export function createLineCursor(options: LineCursorOptions = {}): LineCursor {
  const { maxLineBytes = defaultMaxLineBytes, from = { line: 0, nextByte: 0 } } = options
  let chunk: Buffer = Buffer.alloc(0)
  let position = 0
  let finished = false
  let carry = Buffer.allocUnsafe(4_096)
  let carriedBytes = 0
  let straddlingBytes = 0 // of the unfinished line; more than carriedBytes once it is too long

  const cursor = {
    buffer: chunk,
    start: 0,
    end: 0,
    tooLong: false,
    line: from.line,
    nextByte: from.nextByte,
    push(bytes: Uint8Array) {
      chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      position = 0
    },
    finish() {
      finished = true
    },
    next() {
      for (;;) {
        const stop = chunk.indexOf(newline, position)
        if (stop === -1) {
          carryOn(chunk.length)
          if (!finished || straddlingBytes === 0) return false
          takeCarried(0)
        } else if (straddlingBytes > 0) {
          carryOn(stop)
          position = stop + 1
          takeCarried(1)
        } else {
          takeWithin(stop)
          position = stop + 1
        }
        if (cursor.tooLong || !isBlank(cursor.buffer, cursor.start, cursor.end)) return true
      }
    },
  }
  return cursor

  function takeWithin(stop: number): void {
    const bytes = stop - position
    cursor.tooLong = bytes > maxLineBytes
    const end = cursor.tooLong ? position + Math.min(headBytes, maxLineBytes) : stop
    take(chunk, position, end, bytes + 1)
  }

  function takeCarried(breakBytes: number): void {
    const bytes = straddlingBytes
    cursor.tooLong = bytes > maxLineBytes
    const end = cursor.tooLong ? Math.min(headBytes, maxLineBytes) : bytes
    straddlingBytes = 0
    carriedBytes = 0
    take(carry, 0, end, bytes + breakBytes)
  }

  function take(buffer: Buffer, start: number, end: number, consumedBytes: number): void {
    cursor.line++
    cursor.nextByte += consumedBytes
    cursor.buffer = buffer
    const startsObject = cursor.line === 1
    cursor.start = startsObject && hasByteOrderMark(buffer, start, end) ? start + 3 : start
    const endsInReturn = end > cursor.start && buffer[end - 1] === carriageReturn
    cursor.end = endsInReturn && !cursor.tooLong ? end - 1 : end
  }

  /** Keeps the chunk's bytes up to `stop` for a line that ends later; of a line that is too long only its head. */
  function carryOn(stop: number): void {
    const bytes = stop - position
    const kept = Math.min(bytes, maxLineBytes - carriedBytes)
    if (kept > 0) {
      makeRoom(carriedBytes + kept)
      chunk.copy(carry, carriedBytes, position, position + kept)
      carriedBytes += kept
    }
    straddlingBytes += bytes
    position = stop
  }

  function makeRoom(bytes: number): void {
    if (bytes <= carry.length) return
    const larger = Buffer.allocUnsafe(Math.min(maxLineBytes, Math.max(bytes, carry.length * 2)))
    carry.copy(larger, 0, 0, carriedBytes)
    carry = larger
  }
}

function hasByteOrderMark(buffer: Buffer, start: number, end: number): boolean {
  return (
    end - start >= 3 && buffer[start] === 0xef && buffer[start + 1] === 0xbb && buffer[start + 2] === 0xbf
  )
}

function isBlank(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = buffer[at]
    if (byte !== 0x20 && byte !== 0x09 && byte !== carriageReturn) return false
  }
  return true
}
