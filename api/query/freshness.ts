/** What an answer may say about its own completeness, from table state alone. Pure. */
import {
  isReprocessing,
  latestWindowStartMs,
  readProgress,
  type Snapshot,
  type TableBinding,
  tableWatermarkMs,
} from '../../table/index.ts'
import { type Interval, isoTime } from './interval.ts'

export interface Freshness {
  /** When the table last changed. */
  asOfMs: number
  /** All events that were on time and before this are counted; null: not known yet. */
  watermarkMs: number | null
  /** End of the latest window that has events; null in an empty table. */
  lastWindowEndMs: number | null
  /** A rewind is being refilled, and totals are below what they will be. */
  reprocessing: boolean
}

/** The members that every analytics answer carries, as they go on the wire. */
export interface FreshnessAnswer {
  as_of: string | null
  watermark: string | null
  complete: boolean
  reprocessing?: true
}

export function freshnessOf(
  snapshot: Pick<Snapshot, 'files' | 'txns' | 'lastCommitMs'>,
  { group, topic, windowMs }: Pick<TableBinding, 'group' | 'topic' | 'windowMs'>,
): Freshness {
  const progress = readProgress(snapshot, { group, topic })
  const latestMs = latestWindowStartMs(snapshot)
  const lastWindowEndMs = latestMs === null ? null : latestMs + windowMs
  return {
    asOfMs: snapshot.lastCommitMs,
    watermarkMs: tableWatermarkMs(progress, lastWindowEndMs),
    lastWindowEndMs,
    reprocessing: isReprocessing(progress),
  }
}

/**
 * D11: an interval is complete once the watermark has passed its end. One without an end stands for all there is: it is
 * complete once every window that has events is. An empty table completes nothing, nor does one that is being refilled.
 */
export function isComplete(
  { watermarkMs, lastWindowEndMs, reprocessing }: Freshness,
  { fromMs, toMs }: Interval,
): boolean {
  if (watermarkMs === null || lastWindowEndMs === null || reprocessing) return false
  const endMs = toMs ?? Math.max(lastWindowEndMs, fromMs ?? lastWindowEndMs)
  return endMs <= watermarkMs
}

/** `freshness` null: there is no table yet. */
export function freshnessAnswer(freshness: Freshness | null, interval: Interval): FreshnessAnswer {
  if (!freshness) return { as_of: null, watermark: null, complete: false }
  return {
    as_of: isoTime(freshness.asOfMs),
    watermark: freshness.watermarkMs === null ? null : isoTime(freshness.watermarkMs),
    complete: isComplete(freshness, interval),
    ...(freshness.reprocessing ? { reprocessing: true } : {}),
  }
}
