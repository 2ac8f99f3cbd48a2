import { CorruptBatch, createRecordCursor, openBatch } from '../../wire/index.ts'
import { isMissing } from './durable-files.ts'
import type { SegmentReader } from './segment-reader.ts'
import type { Segment } from './segments.ts'

export interface RecordTime {
  offset: number
  timestampMs: number
}

/** At or after the time, and within `[offset, limitOffset)`. */
export interface Since {
  timestampMs: number
  offset: number
  limitOffset: number
}

/** The first such record of a log; null if it has none. Its oldest segments may be removed meanwhile. */
export async function findRecordSince(
  reader: SegmentReader,
  segments: readonly Segment[],
  since: Since,
): Promise<RecordTime | null> {
  for (const segment of [...segments]) {
    if (segment.index.maxTimestampMs < since.timestampMs || segment.nextOffset <= since.offset) continue
    try {
      const record = await findInSegment(reader, segment, since)
      if (record) return record
    } catch (error) {
      if (!isMissing(error) || segments.includes(segment)) throw error
    }
  }
  return null
}

async function findInSegment(
  reader: SegmentReader,
  segment: Segment,
  since: Since,
): Promise<RecordTime | null> {
  let position = segment.index.positionForTime(since.timestampMs)
  for (;;) {
    const hit = await reader.find(
      segment,
      position,
      (batch) =>
        batch.baseOffset >= since.limitOffset ||
        (batch.maxTimestampMs >= since.timestampMs &&
          batch.baseOffset + batch.lastOffsetDelta >= since.offset),
    )
    if (!hit || hit.batch.baseOffset >= since.limitOffset) return null
    const record = firstRecordSince(hit.bytes, since)
    if (record) return record
    position = hit.position + hit.batch.byteLength
  }
}

// The header's timestamps only tell which batch to look at: clients are known to fill them in wrongly.
function firstRecordSince(bytes: Buffer, since: Since): RecordTime | null {
  try {
    const batch = openBatch(bytes)
    const cursor = createRecordCursor()
    cursor.reset(batch)
    while (cursor.next()) {
      const { offset, timestampMs } = cursor
      if (timestampMs >= since.timestampMs && offset >= since.offset) return { offset, timestampMs }
    }
    return null
  } catch (error) {
    if (!(error instanceof CorruptBatch)) throw error
    // Contents are stored unread, so they may be anything; too early an offset is safe, too late is not.
    return { offset: Math.max(error.baseOffset, since.offset), timestampMs: since.timestampMs }
  }
}
