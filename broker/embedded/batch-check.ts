import {
  baseOffsetOf,
  baseSequenceOf,
  batchBytesOf,
  codecOf,
  crcMatches,
  createRecordCursor,
  headerBytes,
  isControl,
  isTransactional,
  kafkaError,
  lastOffsetDeltaOf,
  lengthPrefixBytes,
  magicOf,
  openBatch,
  producerIdOf,
  recordCountOf,
} from '../wire/index.ts'

export interface BatchRules {
  produceVersion: number
  maxMessageBytes: number
  /** Also walk the records, which a good CRC says nothing about. Costs a decompression. */
  validateRecords: boolean
}

const zstd = 4
const firstProduceWithZstd = 7

/**
 * Whether what a client sent for a partition is one batch that may be appended: 0, or the error code.
 * Looks at the header only, unless told otherwise; the order of the checks is Kafka's.
 */
export function batchProblem(records: Buffer | null, rules: BatchRules): number {
  if (records === null || records.length === 0) return kafkaError.INVALID_RECORD
  if (records.length <= lengthPrefixBytes + 4) return kafkaError.CORRUPT_MESSAGE
  if (magicOf(records) !== 2) return kafkaError.INVALID_RECORD
  const batchBytes = batchBytesOf(records)
  if (batchBytes < headerBytes || batchBytes > records.length) return kafkaError.CORRUPT_MESSAGE
  if (batchBytes < records.length) return kafkaError.INVALID_RECORD // more than one batch
  if (batchBytes > rules.maxMessageBytes) return kafkaError.MESSAGE_TOO_LARGE
  if (!crcMatches(records)) return kafkaError.CORRUPT_MESSAGE
  if (codecOf(records) === zstd && rules.produceVersion < firstProduceWithZstd) {
    return kafkaError.UNSUPPORTED_COMPRESSION_TYPE
  }
  if (baseOffsetOf(records) !== 0) return kafkaError.INVALID_RECORD
  const recordCount = recordCountOf(records)
  if (recordCount <= 0 || recordCount !== lastOffsetDeltaOf(records) + 1) return kafkaError.INVALID_RECORD
  if (isControl(records)) return kafkaError.INVALID_RECORD
  if (producerIdOf(records) >= 0 && baseSequenceOf(records) < 0) return kafkaError.INVALID_RECORD
  // There are no transactions yet, so none is open that this could belong to.
  if (isTransactional(records)) return kafkaError.INVALID_TXN_STATE
  return rules.validateRecords && !recordsAddUp(records) ? kafkaError.INVALID_RECORD : kafkaError.NONE
}

function recordsAddUp(records: Buffer): boolean {
  const cursor = createRecordCursor()
  try {
    cursor.reset(openBatch(records))
    for (let delta = 0; cursor.next(); delta++) if (cursor.offset !== delta) return false
    return true
  } catch {
    return false // CorruptBatch: the answer to the question asked
  }
}
