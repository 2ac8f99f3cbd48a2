/**
 * What the log says about a data file: Delta's statistics (a JSON text; readers skip files by them) and our tags, a
 * JSON text per Kafka partition, by which a rewind finds the files and the watermark it needs without opening them.
 */
import type { TableBinding } from '../binding.ts'
import type { AddFile } from '../log/actions.ts'
import type { TableRows } from '../rows.ts'

/** Longer texts are left out: they would bloat the log, and a cut maximum needs care. */
const maxTextLength = 64
export const dayMs = 86_400_000

/** Per Kafka partition of a flush: the offsets [lo, hi) it covers and the watermark at `lo` (null: none yet). */
export type PartitionTags = ReadonlyMap<number, PartitionTag>

export interface PartitionTag {
  lo: number
  hi: number
  /** Epoch ms. */
  watermarkAtLo: number | null
}

/** A flush's tag with what the file holds of that Kafka partition. */
export interface FileTag extends PartitionTag {
  minFirst: number
  /** Inclusive. */
  maxLast: number
  /** Rows. */
  count: number
}

export interface FileStats {
  numRecords: number
  /** Null: not known. Texts are ordered by their UTF-8 bytes. */
  eventType: { min: string; max: string } | null
  /** Epoch ms; the largest may be rounded up by 1. */
  windowStartMs: { min: number; max: number } | null
}

/** The statistics of the rows at `picked`. */
export function statsOf(rows: TableRows, picked: ArrayLike<number>, binding: TableBinding): string {
  const windows = rangeOf(rows.windowStartMs, picked)
  const partitions = rangeOf(rows.kafkaPartition, picked)
  const ranges: Record<string, [min: unknown, max: unknown]> = {}
  const types = binding.partitionBy.includes('event_type') ? null : textRangeOf(rows.eventType, picked)
  if (types) ranges.event_type = types
  const from = isoTime(windows[0])
  const to = isoTime(windows[1])
  if (from !== null && to !== null) {
    if (!binding.partitionBy.includes('date')) ranges.date = [from.slice(0, 10), to.slice(0, 10)]
    ranges.window_start = [from, to]
  }
  ranges.kafka_partition = partitions
  ranges.first_offset = rangeOf(rows.firstOffset, picked)
  ranges.last_offset = rangeOf(rows.lastOffset, picked)
  const each = (value: (range: [unknown, unknown]) => unknown): Record<string, unknown> =>
    Object.fromEntries(Object.entries(ranges).map(([name, range]) => [name, value(range)]))
  return JSON.stringify({
    numRecords: picked.length,
    minValues: each(([min]) => min),
    maxValues: each(([, max]) => max),
    nullCount: each(() => 0),
  })
}

/** The tags of the rows at `picked`. */
export function tagsOf(
  rows: TableRows,
  picked: ArrayLike<number>,
  tags: PartitionTags,
): Record<string, string> {
  const found = new Map<number, FileTag>()
  for (let at = 0; at < picked.length; at++) {
    const row = picked[at] ?? 0
    const partition = rows.kafkaPartition[row] ?? 0
    const first = rows.firstOffset[row] ?? 0
    const last = rows.lastOffset[row] ?? 0
    const tag = found.get(partition)
    if (tag) {
      tag.minFirst = Math.min(tag.minFirst, first)
      tag.maxLast = Math.max(tag.maxLast, last)
      tag.count++
      continue
    }
    const flushed = tags.get(partition)
    if (!flushed) throw new Error(`rows of Kafka partition ${partition} came without their tag`)
    found.set(partition, { ...flushed, minFirst: first, maxLast: last, count: 1 })
  }
  return Object.fromEntries(
    [...found].map(([partition, tag]) => [`${tagPrefix}${partition}`, JSON.stringify(tag)]),
  )
}

const tagPrefix = 'dataflow.partition.'

/** Null when the file has no tags of ours, because another tool rewrote it: open the file instead. */
export function readTags(file: AddFile): Map<number, FileTag> | null {
  const tags = new Map<number, FileTag>()
  for (const [name, text] of Object.entries(file.tags ?? {})) {
    if (!name.startsWith(tagPrefix)) continue
    const tag = parseTag(text)
    if (!tag) return null
    tags.set(Number(name.slice(tagPrefix.length)), tag)
  }
  return tags.size > 0 ? tags : null
}

/** Statistics that are absent or of another shape are not known, which only costs speed. */
export function readStats(file: AddFile): FileStats | null {
  const stats = parseJson(file.stats)
  if (!isRecord(stats) || typeof stats.numRecords !== 'number') return null
  const min = isRecord(stats.minValues) ? stats.minValues : {}
  const max = isRecord(stats.maxValues) ? stats.maxValues : {}
  const windows = { min: timeOf(min.window_start), max: timeOf(max.window_start) }
  const types = { min: min.event_type, max: max.event_type }
  return {
    numRecords: stats.numRecords,
    windowStartMs:
      windows.min === null || windows.max === null
        ? null
        : // Delta cuts statistics to milliseconds: a foreign maximum may be a little larger than it says.
          { min: windows.min, max: windows.max + 1 },
    eventType:
      typeof types.min === 'string' && typeof types.max === 'string'
        ? { min: types.min, max: types.max }
        : null,
  }
}

function rangeOf(column: Float64Array | Int32Array, picked: ArrayLike<number>): [number, number] {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let at = 0; at < picked.length; at++) {
    const value = column[picked[at] ?? 0] ?? 0
    if (value < min) min = value
    if (value > max) max = value
  }
  return [min, max]
}

function textRangeOf(column: readonly string[], picked: ArrayLike<number>): [string, string] | null {
  let min: string | null = null
  let max: string | null = null
  let last: string | null = null
  for (let at = 0; at < picked.length; at++) {
    const value = column[picked[at] ?? 0] ?? ''
    if (value === last) continue
    last = value
    if (min === null || compareUtf8(value, min) < 0) min = value
    if (max === null || compareUtf8(value, max) > 0) max = value
  }
  if (min === null || max === null) return null
  if (min.length > maxTextLength || max.length > maxTextLength) return null
  return [wellFormed(min), wellFormed(max)]
}

/** Half a surrogate pair, which a JSON escape can bring, is replaced as in UTF-8; other readers refuse it in a log. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString()
}

/** The order of UTF-8 bytes, which statistics are in; JavaScript's own order of strings differs beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Null outside the years 0001 to 9999, which other readers do not parse. */
function isoTime(ms: number): string | null {
  const text = new Date(ms).toISOString()
  return /^\d{4}-/.test(text) && !text.startsWith('0000') ? text : null
}

function timeOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? null : ms
}

function parseTag(text: string | null): FileTag | null {
  const tag = parseJson(text ?? undefined)
  if (!isRecord(tag)) return null
  const { lo, hi, minFirst, maxLast, count, watermarkAtLo } = tag
  if (typeof lo !== 'number' || typeof hi !== 'number' || typeof count !== 'number') return null
  if (typeof minFirst !== 'number' || typeof maxLast !== 'number') return null
  if (watermarkAtLo !== null && typeof watermarkAtLo !== 'number') return null
  return { lo, hi, minFirst, maxLast, count, watermarkAtLo }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? null : JSON.parse(text)
  } catch {
    return null // the writer's business; we treat it as absent
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
