import {
  attributesOf,
  baseOffsetOf,
  baseSequenceOf,
  baseTimestampMsOf,
  batchBytesOf,
  codecOf,
  crcMatches,
  headerBytes,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetOf,
  lengthPrefixBytes,
  magicOf,
  maxTimestampMsOf,
  producerEpochOf,
  producerIdOf,
  recordCountOf,
} from './batch-header.ts'
import { decompress } from './compression.ts'
import { CorruptBatch } from './corrupt-batch.ts'

export interface RecordBatch {
  baseOffset: number
  lastOffset: number
  recordCount: number
  baseTimestampMs: number
  maxTimestampMs: number
  /** All records then have the time `maxTimestampMs`. */
  logAppendTime: boolean
  /** -1 when the producer was not idempotent. */
  producerId: number
  producerEpoch: number
  baseSequence: number
  isTransactional: boolean
  isControl: boolean
  /** Decompressed; a view into the fetched bytes where the batch was not compressed. */
  records: Buffer
}

/** Above what any broker takes in one batch, times a generous compression ratio. */
const defaultMaxRecordBytes = 256 * 1024 * 1024

/**
 * Opens one whole batch: checks its CRC and unpacks its records.
 * @throws {CorruptBatch}
 */
export function openBatch(bytes: Buffer, maxRecordBytes = defaultMaxRecordBytes): RecordBatch {
  if (bytes.length < headerBytes) throw new CorruptBatch('batch shorter than its header', -1)
  const baseOffset = baseOffsetOf(bytes)
  if (magicOf(bytes) !== 2) throw new CorruptBatch(`record format ${magicOf(bytes)} is not known`, baseOffset)
  if (batchBytesOf(bytes) !== bytes.length) throw new CorruptBatch('batch length is off', baseOffset)
  if (!crcMatches(bytes, 0, bytes.length)) throw new CorruptBatch('batch CRC does not match', baseOffset)
  return {
    baseOffset,
    lastOffset: lastOffsetOf(bytes),
    recordCount: recordCountOf(bytes),
    baseTimestampMs: baseTimestampMsOf(bytes),
    maxTimestampMs: maxTimestampMsOf(bytes),
    logAppendTime: isLogAppendTime(bytes),
    producerId: producerIdOf(bytes),
    producerEpoch: producerEpochOf(bytes),
    baseSequence: baseSequenceOf(bytes),
    isTransactional: isTransactional(bytes),
    isControl: isControl(bytes),
    records: unpack(bytes, baseOffset, maxRecordBytes),
  }
}

/**
 * Cuts fetched bytes into whole batches, in order, as views. A batch cut off at the end, which a fetch limit
 * may leave there, is left out.
 * @throws {CorruptBatch} when a length makes no sense
 */
export function splitBatches(bytes: Buffer): Buffer[] {
  const batches: Buffer[] = []
  for (let at = 0; bytes.length - at >= lengthPrefixBytes; ) {
    const batchBytes = batchBytesOf(bytes, at)
    if (batchBytes < headerBytes) throw new CorruptBatch('batch length is off', baseOffsetOf(bytes, at))
    if (batchBytes > bytes.length - at) break
    batches.push(bytes.subarray(at, at + batchBytes))
    at += batchBytes
  }
  return batches
}

function unpack(bytes: Buffer, baseOffset: number, maxRecordBytes: number): Buffer {
  const packed = bytes.subarray(headerBytes)
  try {
    return decompress(packed, codecOf(bytes), maxRecordBytes)
  } catch (cause) {
    const attributes = attributesOf(bytes)
    throw new CorruptBatch(`records do not decompress (attributes ${attributes})`, baseOffset, cause)
  }
}
