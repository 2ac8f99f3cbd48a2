/**
 * How far each Kafka partition is in the table, kept as Delta txns inside the commits that carry the rows, so that rows
 * and offsets can never disagree. appIds, parts URI-encoded:
 *
 *   dataflow/<group>/<topic>/<p>             next offset to read
 *   dataflow/<group>/<topic>/<p>/epoch       times the partition was rewound
 *   dataflow/<group>/<topic>/<p>/watermark   event-time watermark, epoch ms, at the next offset
 *   dataflow/<group>/<topic>/<p>/idle        offset at which the partition was seen quiet
 *   dataflow/<group>/<topic>/<p>/rewind-to   next offset before a rewind that is being refilled
 *
 * A txn cannot be taken back, so "none" is a number that none of these can be.
 */
import type { TxnAction } from './log/actions.ts'
import type { Snapshot } from './log/snapshot.ts'

export interface PartitionProgress {
  partition: number
  nextOffset: number
  epoch: number
  /** Epoch ms; null before the first accepted event. */
  watermarkMs: number | null
  idleAtOffset: number | null
  /** The partition is being refilled while nextOffset is below this. */
  rewindTo: number | null
}

export interface ProgressKey {
  group: string
  topic: string
}

/** What a commit changes of a partition; fields that are absent stay. */
export type ProgressChange = Pick<PartitionProgress, 'partition'> & Partial<PartitionProgress>

const noWatermark = Number.MIN_SAFE_INTEGER
const noOffset = -1

/** The partitions that have a next offset, ascending. */
export function readProgress(
  snapshot: Pick<Snapshot, 'txns'>,
  key: ProgressKey,
): Map<number, PartitionProgress> {
  const prefix = appIdPrefix(key)
  const partitions: number[] = []
  for (const appId of snapshot.txns.keys()) {
    if (!appId.startsWith(prefix)) continue
    const rest = appId.slice(prefix.length)
    if (/^(0|[1-9]\d*)$/.test(rest)) partitions.push(Number(rest))
  }
  const progress = new Map<number, PartitionProgress>()
  for (const partition of partitions.sort((a, b) => a - b)) {
    const read = (field: string, none: number): number | null => {
      const version = snapshot.txns.get(`${prefix}${partition}${field}`)
      return version === undefined || version === none ? null : version
    }
    progress.set(partition, {
      partition,
      nextOffset: read('', noOffset) ?? 0,
      epoch: read('/epoch', noOffset) ?? 0,
      watermarkMs: read('/watermark', noWatermark),
      idleAtOffset: read('/idle', noOffset),
      rewindTo: read('/rewind-to', noOffset),
    })
  }
  return progress
}

/** The txns that make these changes; null clears a field. */
export function progressActions(key: ProgressKey, changes: Iterable<ProgressChange>): TxnAction[] {
  const prefix = appIdPrefix(key)
  const actions: TxnAction[] = []
  for (const change of changes) {
    const set = (field: string, version: number | null | undefined, none: number): void => {
      if (version === undefined) return
      actions.push({ kind: 'txn', appId: `${prefix}${change.partition}${field}`, version: version ?? none })
    }
    set('', change.nextOffset, noOffset)
    set('/epoch', change.epoch, noOffset)
    set('/watermark', change.watermarkMs, noWatermark)
    set('/idle', change.idleAtOffset, noOffset)
    set('/rewind-to', change.rewindTo, noOffset)
  }
  return actions
}

/**
 * Up to here every event that was on time is in the table: the least watermark of the partitions that are not idle.
 * With all of them idle it is the end of the last window that has rows. Null: not known yet, because a partition that
 * was taken up has neither a watermark nor been seen quiet. Partitions never taken up have no say.
 */
export function tableWatermarkMs(
  progress: ReadonlyMap<number, PartitionProgress>,
  lastWindowEndMs: number | null,
): number | null {
  const active = [...progress.values()].filter(({ idleAtOffset, nextOffset }) => idleAtOffset !== nextOffset)
  if (active.length === 0) return progress.size === 0 ? null : lastWindowEndMs
  let least = Number.POSITIVE_INFINITY
  for (const { watermarkMs } of active) {
    if (watermarkMs === null) return null
    least = Math.min(least, watermarkMs)
  }
  return least
}

/** Whether a rewind is being refilled, so that totals are provisional. */
export function isReprocessing(progress: ReadonlyMap<number, PartitionProgress>): boolean {
  return [...progress.values()].some(({ rewindTo, nextOffset }) => rewindTo !== null && nextOffset < rewindTo)
}

function appIdPrefix({ group, topic }: ProgressKey): string {
  return `dataflow/${encodeURIComponent(group)}/${encodeURIComponent(topic)}/`
}
