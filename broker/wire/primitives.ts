import { AppError } from '../../runtime/errors.ts'

/**
 * The Kafka protocol's primitive types, big-endian, over one frame.
 * `flex` switches strings, bytes and array counts to the compact form (uvarint of length + 1, 0 = null).
 * i64 is read as a Number from its two halves: offsets, timestamps and producer ids stay below 2^53.
 */

/** Bytes that are no valid frame of this protocol. The connection that sent them is of no further use. */
export class MalformedFrame extends AppError {
  constructor(message: string) {
    super(message, { code: 'MALFORMED_FRAME', remedy: 'reject' })
  }
}

export interface FrameReader {
  flex: boolean
  /** Unread bytes. */
  remaining(): number
  i8(): number
  i16(): number
  i32(): number
  i64(): number
  uvarint(): number
  nullableString(): string | null
  /** A view into the frame, not a copy. */
  nullableBytes(): Buffer | null
  /** Number of elements; -1 is the null array. Never more than the bytes left. */
  arrayLength(): number
  /** Skips a tag section, if the frame is flexible. */
  tags(): void
}

export interface FrameWriter {
  flex: boolean
  i8(value: number): void
  i16(value: number): void
  i32(value: number): void
  i64(value: number): void
  uvarint(value: number): void
  nullableString(value: string | null): void
  /** Large values are kept by reference: do not change them before the frame is sent. */
  nullableBytes(value: Uint8Array | null): void
  /** -1 writes the null array. */
  arrayLength(count: number): void
  /** An empty tag section, if the frame is flexible. */
  tags(): void
  /** The frame with its i32 length in front, as chunks to send in order. */
  frame(): Buffer[]
}

const twoTo32 = 4_294_967_296

export function readI64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * twoTo32 + buffer.readUInt32BE(at + 4)
}

export function writeI64(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / twoTo32), at)
  // A double's remainder of a negative value is negative; `>>> 0` turns it into the low half of two's complement.
  buffer.writeUInt32BE((value % twoTo32) >>> 0, at + 4)
}

/** A frame of many tiny elements would take a hundred times its own size as objects. */
const maxElements = 500_000

export function createFrameReader(buffer: Buffer, start = 0): FrameReader {
  let at = start
  let elements = 0
  /** Moves on by `count` bytes and returns where they start. */
  const take = (count: number): number => {
    if (count > buffer.length - at)
      throw new MalformedFrame(`${count} bytes wanted, ${buffer.length - at} left`)
    const from = at
    at += count
    return from
  }
  const reader: FrameReader = {
    flex: false,
    remaining: () => buffer.length - at,
    i8: () => buffer.readInt8(take(1)),
    i16: () => buffer.readInt16BE(take(2)),
    i32: () => buffer.readInt32BE(take(4)),
    i64: () => readI64(buffer, take(8)),
    uvarint() {
      let value = 0
      for (let shift = 0; shift < 35; shift += 7) {
        const byte = buffer.readUInt8(take(1))
        value += (byte & 0x7f) * 2 ** shift
        if (byte < 0x80) return value
      }
      throw new MalformedFrame('varint longer than five bytes')
    },
    nullableString() {
      const length = reader.flex ? reader.uvarint() - 1 : reader.i16()
      if (length < 0) return null
      const from = take(length)
      return buffer.toString('utf8', from, from + length)
    },
    nullableBytes() {
      const length = reader.flex ? reader.uvarint() - 1 : reader.i32()
      if (length < 0) return null
      const from = take(length)
      return buffer.subarray(from, from + length)
    },
    arrayLength() {
      const count = reader.flex ? reader.uvarint() - 1 : reader.i32()
      // Every element takes a byte or more, so a larger count is a lie told to make us allocate.
      if (count > reader.remaining()) throw new MalformedFrame(`array of ${count} elements in too few bytes`)
      elements += Math.max(count, 0)
      if (elements > maxElements) throw new MalformedFrame(`more than ${maxElements} array elements`)
      return Math.max(count, -1)
    },
    tags() {
      if (!reader.flex) return
      const count = reader.uvarint()
      for (let tag = 0; tag < count; tag++) {
        reader.uvarint()
        take(reader.uvarint())
      }
    },
  }
  return reader
}

/** Values above this are sent from where they are instead of being copied into the frame. */
const byReferenceBytes = 8_192

export function createFrameWriter(): FrameWriter {
  const chunks: Buffer[] = []
  let scratch = Buffer.allocUnsafe(512)
  let start = 0
  let at = 4
  let closedBytes = 0
  /** Makes room for `count` bytes and returns where to write them. */
  const room = (count: number): number => {
    if (at + count > scratch.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * (at - start), at - start + count, 512))
      scratch.copy(larger, 0, start, at)
      at -= start
      start = 0
      scratch = larger
    }
    const from = at
    at += count
    return from
  }
  const closeChunk = (): void => {
    if (at === start) return
    chunks.push(scratch.subarray(start, at))
    closedBytes += at - start
    start = at
  }
  const writer: FrameWriter = {
    flex: false,
    // `room` may replace the scratch buffer, so it must run before `scratch` is looked at.
    i8(value) {
      const from = room(1)
      scratch.writeInt8(value, from)
    },
    i16(value) {
      const from = room(2)
      scratch.writeInt16BE(value, from)
    },
    i32(value) {
      const from = room(4)
      scratch.writeInt32BE(value, from)
    },
    i64(value) {
      const from = room(8)
      writeI64(scratch, value, from)
    },
    uvarint(value) {
      let rest = value
      for (; rest >= 0x80; rest = Math.floor(rest / 128)) {
        const from = room(1)
        scratch.writeUInt8((rest & 0x7f) | 0x80, from)
      }
      const from = room(1)
      scratch.writeUInt8(rest, from)
    },
    nullableString(value) {
      const length = value === null ? -1 : Buffer.byteLength(value)
      if (writer.flex) writer.uvarint(length + 1)
      else writer.i16(length)
      if (value === null || length === 0) return
      const from = room(length)
      scratch.write(value, from, 'utf8')
    },
    nullableBytes(value) {
      const length = value === null ? -1 : value.length
      if (writer.flex) writer.uvarint(length + 1)
      else writer.i32(length)
      if (value === null || length === 0) return
      if (length > byReferenceBytes) {
        closeChunk()
        chunks.push(Buffer.from(value.buffer, value.byteOffset, length))
        closedBytes += length
        return
      }
      const from = room(length)
      scratch.set(value, from)
    },
    arrayLength(count) {
      if (writer.flex) writer.uvarint(count + 1)
      else writer.i32(count)
    },
    tags() {
      if (writer.flex) writer.uvarint(0)
    },
    frame() {
      closeChunk()
      chunks[0]?.writeInt32BE(closedBytes - 4, 0)
      return chunks
    },
  }
  return writer
}
