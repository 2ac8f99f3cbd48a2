/** Which files a query must read, from the log alone. Pure; when in doubt a file is read. */
import type { AddFile } from '../log/actions.ts'
import type { Snapshot } from '../log/snapshot.ts'
import { compareUtf8, dayMs, type FileStats, readStats } from '../parquet/stats.ts'

/** Types named (default all) and windows that start in [fromMs, toMs). */
export interface ScanFilter {
  eventTypes?: readonly string[] | undefined
  fromMs?: number | undefined
  toMs?: number | undefined
}

interface Bounds {
  eventType: { min: string; max: string } | null
  windowStartMs: { min: number; max: number } | null
}

export function planScan(snapshot: Pick<Snapshot, 'files'>, filter: ScanFilter): AddFile[] {
  const files: AddFile[] = []
  for (const file of snapshot.files.values()) {
    if (file.size > 0 && mayMatch(boundsOf(file), filter)) files.push(file)
  }
  return files
}

/** Whether something with these bounds can hold rows that match. */
export function mayMatch(bounds: Bounds, { eventTypes, fromMs, toMs }: ScanFilter): boolean {
  const { eventType, windowStartMs } = bounds
  if (windowStartMs) {
    if (fromMs !== undefined && windowStartMs.max < fromMs) return false
    if (toMs !== undefined && windowStartMs.min >= toMs) return false
  }
  if (!eventType || !eventTypes) return true
  const { min, max } = eventType
  if (min === max) return eventTypes.includes(min)
  return eventTypes.some((type) => compareUtf8(min, type) <= 0 && compareUtf8(type, max) <= 0)
}

/** The start of the latest window that has rows, as far as the log tells; null for an empty table. */
export function latestWindowStartMs({ files }: Pick<Snapshot, 'files'>): number | null {
  const known = latestOf.get(files)
  if (known !== undefined) return known
  let latest: number | null = null
  for (const file of files.values()) {
    // Windows start on whole milliseconds, so the slack that other writers' statistics need is taken off again.
    const max = statsOf(file)?.windowStartMs?.max
    if (max !== undefined && (latest === null || max - 1 > latest)) latest = max - 1
  }
  latestOf.set(files, latest)
  return latest
}

/** A file's type when the table is partitioned by it; null otherwise. The null partition holds the type ''. */
export function partitionEventType({ partitionValues }: AddFile): string | null {
  return 'event_type' in partitionValues ? (partitionValues.event_type ?? '') : null
}

// Snapshots and their files are immutable and shared, so what was once parsed of them stays right.
const latestOf = new WeakMap<object, number | null>()
const parsedStats = new WeakMap<AddFile, FileStats | null>()

function statsOf(file: AddFile): FileStats | null {
  let stats = parsedStats.get(file)
  if (stats === undefined) {
    stats = readStats(file)
    parsedStats.set(file, stats)
  }
  return stats
}

function boundsOf(file: AddFile): Bounds {
  const stats = statsOf(file)
  const type = partitionEventType(file)
  return {
    eventType: type === null ? (stats?.eventType ?? null) : { min: type, max: type },
    windowStartMs: stats?.windowStartMs ?? dateBounds(file),
  }
}

function dateBounds({ partitionValues }: AddFile): { min: number; max: number } | null {
  const startMs = Date.parse(partitionValues.date ?? '')
  return Number.isNaN(startMs) ? null : { min: startMs, max: startMs + dayMs - 1 }
}
