/**
 * From the bytes of one fetched partition to the batches that its reader may see.
 *
 * A broker sends whole batches from the one that holds the position on, so the first may begin earlier and is trimmed;
 * the last may be cut off by the size limit and is left for the next fetch. Batches of aborted transactions are found
 * as Java's client finds them:
 *
 *   aborted list, by first offset: start of each aborted transaction, with its producer
 *   a batch with last offset L:    producers whose start is <= L become "aborting"; theirs is skipped
 *   an abort marker of producer P: P is no longer aborting
 */
import type { AppError } from '../../runtime/errors.ts'
import {
  CorruptBatch,
  createRecordCursor,
  lastOffsetOf,
  openBatch,
  type RecordBatch,
  splitBatches,
} from '../wire/index.ts'

export interface FetchedRecords {
  records: Buffer | null
  abortedTransactions: readonly { producerId: number; firstOffset: number }[] | null
}

export interface ReadBatches {
  batches: RecordBatch[]
  nextOffset: number
  /** Reading stopped before a batch that cannot be read. */
  damage: AppError | null
}

const abortMarker = 0

export function readBatches(
  { records, abortedTransactions }: FetchedRecords,
  { position, isolation }: { position: number; isolation: 'read_committed' | 'read_uncommitted' },
): ReadBatches {
  const read: ReadBatches = { batches: [], nextOffset: position, damage: null }
  const isAborted = createAbortFilter(isolation === 'read_committed' ? (abortedTransactions ?? []) : [])
  try {
    for (const bytes of splitBatches(records ?? Buffer.alloc(0))) {
      const lastOffset = lastOffsetOf(bytes)
      if (lastOffset < position) continue
      const batch = openBatch(bytes)
      const skip = isAborted(batch) || batch.isControl
      const wanted = batch.baseOffset < position && !skip ? trimmed(batch, position) : batch
      if (!skip && wanted.recordCount > 0) read.batches.push(wanted)
      read.nextOffset = lastOffset + 1
    }
  } catch (error) {
    if (!(error instanceof CorruptBatch)) throw error
    read.damage = error
  }
  return read
}

function createAbortFilter(
  aborted: readonly { producerId: number; firstOffset: number }[],
): (batch: RecordBatch) => boolean {
  const starts = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const aborting = new Set<number>()
  let next = 0
  return (batch) => {
    for (let start = starts[next]; start && start.firstOffset <= batch.lastOffset; start = starts[++next]) {
      aborting.add(start.producerId)
    }
    if (batch.isControl && isAbortMarker(batch)) aborting.delete(batch.producerId)
    return batch.isTransactional && aborting.has(batch.producerId)
  }
}

/** A control record's key is its version and its type, both i16. */
function isAbortMarker(batch: RecordBatch): boolean {
  const cursor = createRecordCursor()
  cursor.reset(batch)
  if (!cursor.next() || cursor.keyStart < 0 || cursor.keyEnd - cursor.keyStart < 4) return false
  return cursor.buffer.readInt16BE(cursor.keyStart + 2) === abortMarker
}

/** The same batch without the records before `position`. Offsets are relative to `baseOffset`, so that stays. */
function trimmed(batch: RecordBatch, position: number): RecordBatch {
  const cursor = createRecordCursor()
  cursor.reset(batch)
  let dropped = 0
  while (dropped < batch.recordCount && cursor.next() && cursor.offset < position) dropped++
  const { records } = batch
  let at = 0
  for (let record = 0; record < dropped; record++) {
    // Record length: a zigzag varint, never negative, of what follows it.
    let length = 0
    let byte = 0x80
    for (let shift = 0; byte >= 0x80; shift += 7) {
      byte = records[at++] ?? 0
      length |= (byte & 0x7f) << shift
    }
    at += length >>> 1
  }
  return { ...batch, recordCount: batch.recordCount - dropped, records: records.subarray(at) }
}
