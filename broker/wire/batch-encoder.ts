import { headerBytes, writeHeader } from './batch-header.ts'
import { type Compression, codecIds, compress } from './compression.ts'

export interface FinishOptions {
  /** -1, with epoch and sequence: not idempotent. */
  producerId: number
  producerEpoch: number
  baseSequence: number
  isTransactional?: boolean
  compression?: Compression
}

/** Collects records in one scratch buffer that grows as needed and is used again for the next batch. */
export interface BatchEncoder {
  readonly recordCount: number
  /** Size of the batch so far, header included, uncompressed. */
  readonly byteLength: number
  add(timestampMs: number, key: Uint8Array | null, value: Uint8Array | null, headers?: RecordHeaders): void
  /** The batch as bytes of its own; the encoder is empty afterwards. There must be a record. */
  finish(options: FinishOptions): Buffer
  /** Forgets what was added. */
  reset(): void
}
export type RecordHeaders = readonly (readonly [name: string, value: Uint8Array | null])[]

const transactionalBit = 0x10
const controlBit = 0x20
const noHeaders: RecordHeaders = []
/** More than the varints and fixed fields of one record can take. */
const overheadBytes = 48

export function createBatchEncoder(initialBytes = 16_384): BatchEncoder {
  let scratch = Buffer.allocUnsafe(Math.max(initialBytes, headerBytes))
  let at = headerBytes
  let recordCount = 0
  let baseTimestampMs = 0
  let maxTimestampMs = 0

  const ensure = (count: number): void => {
    if (at + count <= scratch.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * scratch.length, at + count))
    scratch.copy(larger, 0, 0, at)
    scratch = larger
  }
  const varint = (value: number): void => {
    at = writeVarint(scratch, at, value)
  }
  const lengthAndBytes = (bytes: Uint8Array | null): void => {
    varint(bytes === null ? -1 : bytes.length)
    if (bytes === null) return
    const { length } = bytes
    // A call costs more than a few bytes do; keys are short.
    if (length > 32) scratch.set(bytes, at)
    else for (let index = 0; index < length; index++) scratch[at + index] = bytes[index] ?? 0
    at += length
  }

  const encoder: BatchEncoder = {
    get recordCount() {
      return recordCount
    },
    get byteLength() {
      return at
    },
    add(timestampMs, key, value, headers = noHeaders) {
      if (recordCount === 0) {
        baseTimestampMs = timestampMs
        maxTimestampMs = timestampMs
      }
      if (timestampMs > maxTimestampMs) maxTimestampMs = timestampMs
      const timestampDelta = timestampMs - baseTimestampMs
      const headersBytes = headers.length === 0 ? 1 : sizeOfHeaders(headers)
      const bodyBytes =
        1 +
        sizeOfVarint(timestampDelta) +
        sizeOfVarint(recordCount) +
        sizeOfSlice(key) +
        sizeOfSlice(value) +
        headersBytes
      ensure(bodyBytes + overheadBytes)
      varint(bodyBytes)
      scratch[at++] = 0
      varint(timestampDelta)
      varint(recordCount)
      lengthAndBytes(key)
      lengthAndBytes(value)
      varint(headers.length)
      for (const [name, headerValue] of headers) {
        const nameBytes = Buffer.byteLength(name)
        varint(nameBytes)
        at += scratch.write(name, at, nameBytes, 'utf8')
        lengthAndBytes(headerValue)
      }
      recordCount++
    },
    finish({ producerId, producerEpoch, baseSequence, isTransactional = false, compression = 'none' }) {
      if (recordCount === 0) throw new Error('a batch needs at least one record')
      const batch = detach(scratch.subarray(0, at), compression)
      writeHeader(batch, 0, batch.length, {
        baseOffset: 0,
        attributes: codecIds[compression] | (isTransactional ? transactionalBit : 0),
        recordCount,
        baseTimestampMs,
        maxTimestampMs,
        producerId,
        producerEpoch,
        baseSequence,
      })
      encoder.reset()
      return batch
    },
    reset() {
      at = headerBytes
      recordCount = 0
    },
  }
  return encoder
}

/** The marker that ends a transaction on one partition: a control batch with one record. */
export function encodeTransactionMarker(marker: {
  kind: 'commit' | 'abort'
  producerId: number
  producerEpoch: number
  timestampMs: number
}): Buffer {
  const encoder = createBatchEncoder(128)
  // key: version i16 = 0, type i16 (0 abort, 1 commit); value: version i16 = 0, coordinatorEpoch i32 = 0
  encoder.add(marker.timestampMs, Buffer.from([0, 0, 0, marker.kind === 'commit' ? 1 : 0]), Buffer.alloc(6))
  const { producerId, producerEpoch } = marker
  const batch = encoder.finish({ producerId, producerEpoch, baseSequence: -1 })
  writeHeader(batch, 0, batch.length, {
    baseOffset: 0,
    attributes: transactionalBit | controlBit,
    recordCount: 1,
    baseTimestampMs: marker.timestampMs,
    maxTimestampMs: marker.timestampMs,
    producerId,
    producerEpoch,
    baseSequence: -1,
  })
  return batch
}

function detach(plain: Buffer, compression: Compression): Buffer {
  if (compression === 'none') return Buffer.from(plain)
  return Buffer.concat([plain.subarray(0, headerBytes), compress(plain.subarray(headerBytes), compression)])
}

function sizeOfHeaders(headers: RecordHeaders): number {
  let size = sizeOfVarint(headers.length)
  for (const [name, value] of headers) {
    const nameBytes = Buffer.byteLength(name)
    size += sizeOfVarint(nameBytes) + nameBytes + sizeOfSlice(value)
  }
  return size
}

function sizeOfSlice(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : sizeOfVarint(bytes.length) + bytes.length
}

/** Below this, a zigzagged value fits 32-bit operators, which is what nearly all values take. */
const smallLimit = 2 ** 30

function sizeOfVarint(value: number): number {
  if (value >= -smallLimit && value < smallLimit) {
    const raw = (value << 1) ^ (value >> 31)
    if (raw < 0x80) return 1
    return raw < 0x4000 ? 2 : raw < 0x20_0000 ? 3 : raw < 0x1000_0000 ? 4 : 5
  }
  let size = 1
  for (let raw = zigzagLarge(value); raw >= 0x80; raw = Math.floor(raw / 128)) size++
  return size
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start
  if (value >= -smallLimit && value < smallLimit) {
    let raw = (value << 1) ^ (value >> 31)
    for (; raw >= 0x80; raw >>>= 7) buffer[at++] = (raw & 0x7f) | 0x80
    buffer[at++] = raw
    return at
  }
  let raw = zigzagLarge(value)
  for (; raw >= 0x80; raw = Math.floor(raw / 128)) buffer[at++] = (raw % 128) | 0x80
  buffer[at++] = raw
  return at
}

/** For time deltas of more than twelve days; exact up to 2^52. */
function zigzagLarge(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}
