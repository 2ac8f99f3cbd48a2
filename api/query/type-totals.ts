/** Merges the rows of a scan into one total per event type. Pure. */
import { emptyTotals, mergeTotals, sumOf, type Totals } from '../../measures/index.ts'
import type { TableRows } from '../../table/index.ts'
import { isoTime } from './interval.ts'

export const typeTotalsColumns = [
  'eventType',
  'windowStartMs',
  'count',
  'lateCount',
  'valueCount',
  'valueSum',
  'valueSumLo',
  'valueMin',
  'valueMax',
] as const

export type TypeTotalsRows = Pick<TableRows, (typeof typeTotalsColumns)[number] | 'length'>

export interface TypeTotals extends Totals {
  eventType: string
  /** Starts of the first and the last window that have events. */
  firstWindowMs: number
  lastWindowMs: number
}

/** As it goes on the wire; the value members are null for a type whose events carry no values. */
export interface TypeTotalsAnswer {
  event_type: string
  total_events: number
  late_events: number
  value_count: number
  value_sum: number | null
  value_min: number | null
  value_max: number | null
  first_window: string
  last_window: string
}

export interface TypeTotalsMerger {
  add(rows: TypeTotalsRows): void
  /** Most events first, equals by name. */
  totals(): TypeTotals[]
}

export function createTypeTotalsMerger(): TypeTotalsMerger {
  const byType = new Map<string, TypeTotals>()
  const row = emptyTotals() // reused, since a table has many rows

  const totalsOf = (eventType: string): TypeTotals => {
    const known = byType.get(eventType)
    if (known) return known
    const fresh = {
      ...emptyTotals(),
      eventType,
      firstWindowMs: Number.POSITIVE_INFINITY,
      lastWindowMs: Number.NEGATIVE_INFINITY,
    }
    byType.set(eventType, fresh)
    return fresh
  }

  return {
    add(rows) {
      let into: TypeTotals | null = null
      for (let at = 0; at < rows.length; at++) {
        const eventType = rows.eventType[at] ?? ''
        if (into === null || into.eventType !== eventType) into = totalsOf(eventType)
        row.count = rows.count[at] ?? 0
        row.lateCount = rows.lateCount[at] ?? 0
        row.valueCount = rows.valueCount[at] ?? 0
        row.valueSum = rows.valueSum[at] ?? 0
        row.valueSumLo = rows.valueSumLo[at] ?? 0
        row.valueMin = rows.valueMin[at] ?? Number.NaN
        row.valueMax = rows.valueMax[at] ?? Number.NaN
        mergeTotals(into, row)
        const windowMs = rows.windowStartMs[at] ?? 0
        if (windowMs < into.firstWindowMs) into.firstWindowMs = windowMs
        if (windowMs > into.lastWindowMs) into.lastWindowMs = windowMs
      }
    },
    totals: () =>
      [...byType.values()].sort(
        (a, b) => b.count - a.count || (a.eventType < b.eventType ? -1 : a.eventType > b.eventType ? 1 : 0),
      ),
  }
}

export function typeTotalsAnswer(totals: TypeTotals): TypeTotalsAnswer {
  const hasValues = totals.valueCount > 0
  return {
    event_type: totals.eventType,
    total_events: totals.count,
    late_events: totals.lateCount,
    value_count: totals.valueCount,
    value_sum: hasValues ? sumOf(totals) : null,
    value_min: hasValues ? totals.valueMin : null,
    value_max: hasValues ? totals.valueMax : null,
    first_window: isoTime(totals.firstWindowMs),
    last_window: isoTime(totals.lastWindowMs),
  }
}
