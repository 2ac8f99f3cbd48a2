import {
  baseOffsetOf,
  baseSequenceOf,
  batchBytesOf,
  isControl,
  isLogAppendTime,
  lastOffsetDeltaOf,
  lastOffsetOf,
  maxTimestampMsOf,
  producerEpochOf,
  producerIdOf,
} from '../../wire/index.ts'

/** What the log keeps count of, once per batch. */
export interface LoggedBatch {
  baseOffset: number
  byteLength: number
  lastOffsetDelta: number
  maxTimestampMs: number
  isLogAppendTime: boolean
  /** -1 when the producer is not idempotent. */
  producerId: number
  producerEpoch: number
  /** -1 in a control batch. */
  baseSequence: number
  isControl: boolean
}

export function readLoggedBatch(bytes: Buffer, at = 0): LoggedBatch {
  return {
    baseOffset: baseOffsetOf(bytes, at),
    byteLength: batchBytesOf(bytes, at),
    lastOffsetDelta: lastOffsetDeltaOf(bytes, at),
    maxTimestampMs: maxTimestampMsOf(bytes, at),
    isLogAppendTime: isLogAppendTime(bytes, at),
    producerId: producerIdOf(bytes, at),
    producerEpoch: producerEpochOf(bytes, at),
    baseSequence: baseSequenceOf(bytes, at),
    isControl: isControl(bytes, at),
  }
}

export const nextOffsetOf = (bytes: Buffer, at = 0): number => lastOffsetOf(bytes, at) + 1
