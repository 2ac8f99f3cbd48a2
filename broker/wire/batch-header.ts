import { crc32c } from './crc32c.ts'
import { readI64, writeI64 } from './primitives.ts'

/**
 * The header of a record batch (format v2), read and patched where it lies: no objects, no copies.
 * `at` is where the batch starts in the buffer.
 *
 *   0 baseOffset i64 | 8 batchLength i32 | 12 leaderEpoch i32 | 16 magic i8 | 17 crc u32 | 21 attributes i16 |
 *   23 lastOffsetDelta i32 | 27 baseTimestamp i64 | 35 maxTimestamp i64 | 43 producerId i64 |
 *   51 producerEpoch i16 | 53 baseSequence i32 | 57 recordCount i32 | 61 records
 *
 * The CRC covers 21 to the end, so the base offset and the leader epoch are patched without touching it.
 */
export const headerBytes = 61
/** Bytes up to and with the length field: enough to know where the next batch starts. */
export const lengthPrefixBytes = 12

const timestampTypeBit = 0x08
const transactionalBit = 0x10
const controlBit = 0x20

export const baseOffsetOf = (buffer: Buffer, at = 0): number => readI64(buffer, at)
/** Bytes of the whole batch, header included, as its length field says: not checked against anything. */
export const batchBytesOf = (buffer: Buffer, at = 0): number => buffer.readInt32BE(at + 8) + lengthPrefixBytes
export const leaderEpochOf = (buffer: Buffer, at = 0): number => buffer.readInt32BE(at + 12)
export const magicOf = (buffer: Buffer, at = 0): number => buffer.readInt8(at + 16)
export const crcOf = (buffer: Buffer, at = 0): number => buffer.readUInt32BE(at + 17)
export const attributesOf = (buffer: Buffer, at = 0): number => buffer.readInt16BE(at + 21)
export const lastOffsetDeltaOf = (buffer: Buffer, at = 0): number => buffer.readInt32BE(at + 23)
export const lastOffsetOf = (buffer: Buffer, at = 0): number =>
  baseOffsetOf(buffer, at) + lastOffsetDeltaOf(buffer, at)
export const baseTimestampMsOf = (buffer: Buffer, at = 0): number => readI64(buffer, at + 27)
export const maxTimestampMsOf = (buffer: Buffer, at = 0): number => readI64(buffer, at + 35)
export const producerIdOf = (buffer: Buffer, at = 0): number => readI64(buffer, at + 43)
export const producerEpochOf = (buffer: Buffer, at = 0): number => buffer.readInt16BE(at + 51)
export const baseSequenceOf = (buffer: Buffer, at = 0): number => buffer.readInt32BE(at + 53)
export const recordCountOf = (buffer: Buffer, at = 0): number => buffer.readInt32BE(at + 57)

/** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
export const codecOf = (buffer: Buffer, at = 0): number => attributesOf(buffer, at) & 0x07
export const isLogAppendTime = (buffer: Buffer, at = 0): boolean =>
  (attributesOf(buffer, at) & timestampTypeBit) !== 0
export const isTransactional = (buffer: Buffer, at = 0): boolean =>
  (attributesOf(buffer, at) & transactionalBit) !== 0
export const isControl = (buffer: Buffer, at = 0): boolean => (attributesOf(buffer, at) & controlBit) !== 0

/** The whole batch must lie in the buffer. */
export function crcMatches(buffer: Buffer, at = 0, totalBytes = batchBytesOf(buffer, at)): boolean {
  return crc32c(buffer.subarray(at + 21, at + totalBytes)) === crcOf(buffer, at)
}

export function setBaseOffset(buffer: Buffer, offset: number, at = 0): void {
  writeI64(buffer, offset, at)
}

export function setLeaderEpoch(buffer: Buffer, epoch: number, at = 0): void {
  buffer.writeInt32BE(epoch, at + 12)
}

/** Marks the batch as stamped by the broker; this is under the CRC, which is computed anew. */
export function stampLogAppendTime(buffer: Buffer, nowMs: number, at = 0): void {
  buffer.writeInt16BE(attributesOf(buffer, at) | timestampTypeBit, at + 21)
  writeI64(buffer, nowMs, at + 35)
  setCrc(buffer, at, batchBytesOf(buffer, at))
}

export function setCrc(buffer: Buffer, at: number, totalBytes: number): void {
  buffer.writeUInt32BE(crc32c(buffer.subarray(at + 21, at + totalBytes)), at + 17)
}

export interface BatchHeader {
  baseOffset: number
  attributes: number
  recordCount: number
  baseTimestampMs: number
  maxTimestampMs: number
  producerId: number
  producerEpoch: number
  baseSequence: number
}

/** Fills in the header of a batch of `totalBytes` whose records are already in place, and its CRC. */
export function writeHeader(buffer: Buffer, at: number, totalBytes: number, header: BatchHeader): void {
  writeI64(buffer, header.baseOffset, at)
  buffer.writeInt32BE(totalBytes - lengthPrefixBytes, at + 8)
  buffer.writeInt32BE(-1, at + 12)
  buffer.writeInt8(2, at + 16)
  buffer.writeInt16BE(header.attributes, at + 21)
  buffer.writeInt32BE(header.recordCount - 1, at + 23)
  writeI64(buffer, header.baseTimestampMs, at + 27)
  writeI64(buffer, header.maxTimestampMs, at + 35)
  writeI64(buffer, header.producerId, at + 43)
  buffer.writeInt16BE(header.producerEpoch, at + 51)
  buffer.writeInt32BE(header.baseSequence, at + 53)
  buffer.writeInt32BE(header.recordCount, at + 57)
  setCrc(buffer, at, totalBytes)
}
