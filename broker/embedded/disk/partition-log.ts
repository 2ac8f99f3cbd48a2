/** What a read may show: all that is durable, or only what no open transaction can still take back. */
export type ReadLimit = 'hw' | 'lso'

export interface AppendResult {
  baseOffset: number
  /** -1 unless the topic has message.timestamp.type=LogAppendTime. */
  logAppendTimeMs: number
  /** True when the very same batch was appended before: `baseOffset` is the first one's, nothing was written. */
  duplicate: boolean
}

/**
 * One partition: a log of record batches.
 *
 *   logStartOffset        lastStableOffset   highWatermark   logEndOffset
 *   |--- readable ---------------|-- 'hw' only ---|-- acknowledged,  --|
 *                                                    not yet durable
 */
export interface PartitionLog {
  readonly logStartOffset: number
  /** End of what a fetch may show. With fsync other than `never` these bytes survive a power loss. */
  readonly highWatermark: number
  /** Never above the high watermark; equal to it while no transaction is open. */
  readonly lastStableOffset: number
  /** The offset the next record gets. A fetch between the high watermark and here is empty, not out of range. */
  readonly logEndOffset: number

  /**
   * Takes over `batch` (one whole valid batch, patched in place) and gives it its offsets in this very tick,
   * so the order of calls is the order of the log. Resolves once written (with fsync `always`: once durable).
   * Rejects with {OutOfOrderSequence}, {InvalidProducerEpoch}, {StorageFailed} or {PartitionGone}.
   */
  append(batch: Buffer): Promise<AppendResult>
  /**
   * Whole batches, the first of them holding `fromOffset` (it may begin earlier); at most `maxBytes` unless the
   * first alone is larger, and perhaps fewer than there are. Empty at the limit. The buffer is the caller's to read only.
   * Rejects with {OffsetOutOfRange}, {PartitionGone}, or the codec's {CorruptBatch} when the disk gave back other bytes.
   */
  read(fromOffset: number, maxBytes: number, options: { upTo: ReadLimit }): Promise<Buffer>
  /** Bytes a read could return from there, for minBytes: exact near the end of the log, else rather too many. */
  readableBytes(fromOffset: number, options: { upTo: ReadLimit }): number
  /** The first record at or after that time, by walking the one batch that may hold it; null if none is readable. */
  offsetForTime(timestampMs: number): Promise<{ offset: number; timestampMs: number } | null>
  /** Resolves when all that was acknowledged before the call is readable. For "latest": read your own writes. */
  settled(): Promise<void>
  /** Calls `listener` whenever the high watermark or the last stable offset moved, or the partition closed. */
  onReadable(listener: () => void): () => void
  /**
   * Moves the log's start up to `offset` (never down) and removes segments wholly below; resolves to the new start.
   * Rejects with {OffsetOutOfRange} above the high watermark.
   */
  deleteRecordsBefore(offset: number): Promise<number>
}
