/**
 * One partition in the hands of this member: its place in the log, and what was gathered since the last flush.
 *
 *   table's position      flush running      gathered since     next to aggregate
 *        lo ................ sealed [lo, hi) ....... hi .............. position
 *
 * Records before `position` are skipped (a batch may begin before the offset that was asked for), and a partition that
 * is placed anew gets a new object: an answer fetched for the old one is never aggregated into the new one.
 */
import type { DeadLetter, RecordBatch, RecordCursor } from '../broker/index.ts'
import type { Projection } from '../events/index.ts'
import type { PartitionProgress } from '../table/index.ts'
import type { Aggregate } from './aggregate.ts'
import type { SealedPartition } from './flush.ts'

export interface OwnedPartition {
  readonly partition: number
  readonly epoch: number
  /** Next offset to aggregate. */
  readonly position: number
  /** Position after the last flush that was begun. */
  readonly sealedTo: number
  readonly watermarkMs: number | null
  readonly groupCount: number
  /** Of dead letters held until the next flush. */
  readonly deadLetterBytes: number
  /** Begins a batch; call `aggregate` until it returns false. */
  open(batch: RecordBatch): void
  /** Aggregates the next `maxRecords` of the batch at most. @returns whether there are more */
  aggregate(maxRecords: number): boolean
  /** Moves past offsets that hold no data, such as markers of transactions. */
  skipTo(offset: number): void
  /** Takes out what was gathered. Call it for all partitions at once: they share the names in the projection. */
  seal(): SealedPartition
}

export interface OwnedPartitionParts {
  topic: string
  projection: Projection
  cursor: RecordCursor
  aggregate: Aggregate
}

/** What a held dead letter costs beside its value. */
const letterOverheadBytes = 400

export function createOwnedPartition(
  { topic, projection, cursor, aggregate }: OwnedPartitionParts,
  { partition, epoch, nextOffset, watermarkMs }: PartitionProgress,
): OwnedPartition {
  let position = nextOffset
  let sealedTo = nextOffset
  let watermarkAtSealMs = watermarkMs
  let deadLetters: DeadLetter[] = []
  let deadLetterBytes = 0

  const bury = (): void => {
    const { offset, timestampMs, buffer, valueStart, valueEnd } = cursor
    // A copy: the letter must not keep the whole batch in memory.
    const value = valueStart < 0 ? null : Uint8Array.prototype.slice.call(buffer, valueStart, valueEnd)
    const { reason, message } = projection.rejection ?? { reason: 'unknown', message: '' }
    const origin = `${topic}/${partition}/${offset}`
    deadLetters.push({ origin, value, reason, message, stage: 'process', timeMs: timestampMs })
    deadLetterBytes += letterOverheadBytes + (value?.length ?? 0)
  }
  return {
    partition,
    epoch,
    get position() {
      return position
    },
    get sealedTo() {
      return sealedTo
    },
    get watermarkMs() {
      return aggregate.watermarkMs
    },
    get groupCount() {
      return aggregate.groupCount
    },
    get deadLetterBytes() {
      return deadLetterBytes
    },
    open: (batch) => cursor.reset(batch),
    aggregate(maxRecords) {
      let next = position
      let more = true
      for (let count = 0; count < maxRecords; count++) {
        more = cursor.next()
        if (!more) break
        const { offset } = cursor
        if (offset < next) continue
        if (projection.read(cursor.buffer, cursor.valueStart, cursor.valueEnd, cursor.timestampMs)) {
          aggregate.add(projection, offset)
        } else {
          bury()
        }
        next = offset + 1
      }
      position = next
      return more
    },
    skipTo(offset) {
      if (offset > position) position = offset
    },
    seal() {
      const sealed: SealedPartition = {
        partition,
        epoch,
        lo: sealedTo,
        hi: position,
        rows: aggregate.toRows(partition),
        watermarkAtLoMs: watermarkAtSealMs,
        watermarkAtHiMs: aggregate.watermarkMs,
        deadLetters,
      }
      aggregate.clear()
      sealedTo = position
      watermarkAtSealMs = aggregate.watermarkMs
      deadLetters = []
      deadLetterBytes = 0
      return sealed
    },
  }
}
