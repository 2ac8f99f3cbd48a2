/** Answers questions about totals from the table. Decisions are in the pure files beside it; this one reads. */
import type { Snapshot, TableReader } from '../../table/index.ts'
import { invalidParameters, type ParameterError, unknownEventType } from '../problems.ts'
import type { TableSource, TableView } from '../table-source.ts'
import { type Freshness, freshnessOf } from './freshness.ts'
import { type Interval, misalignment } from './interval.ts'
import { createKeptAnswers } from './kept-answers.ts'
import { nearestWords } from './nearest-words.ts'
import { createTypeTotalsMerger, type TypeTotals, typeTotalsColumns } from './type-totals.ts'

/** `freshness` null: there is no table yet. */
export interface Answer<T> {
  value: T
  freshness: Freshness | null
}

/** Intervals must begin and end between two windows; those that do not are refused as parameters `from` and `to`. */
export interface Metrics {
  /** @throws {RequestRejected} for a type that no event ever had, in a table that has events */
  eventTotal(eventType: string, interval: Interval): Promise<Answer<number>>
  /** Most events first; types without events in the interval are left out. */
  typeTotals(interval: Interval): Promise<Answer<TypeTotals[]>>
}

const maxNearest = 3
/** Enough to be helpful; comparing with more would hold up the loop. */
const maxTypesCompared = 5_000

export function createMetrics(source: TableSource): Metrics {
  const counts = createKeptAnswers<number>()
  const presences = createKeptAnswers<boolean>()
  const typeLists = createKeptAnswers<Set<string>>()
  const totals = createKeptAnswers<TypeTotals[]>()

  const view = async (interval: Interval): Promise<TableView | null> => {
    const current = await source.view()
    if (current) requireAligned(interval, current.reader.binding.windowMs)
    return current
  }

  return {
    async eventTotal(eventType, interval) {
      const current = await view(interval)
      if (!current) return { value: 0, freshness: null }
      const { reader, snapshot } = current
      const freshness = freshnessOf(snapshot, reader.binding)
      const question = JSON.stringify([eventType, interval.fromMs, interval.toMs])
      const value = await counts(snapshot, question, () => countEvents(current, eventType, interval))
      const isKnown =
        value > 0 ||
        freshness.lastWindowEndMs === null ||
        (await presences(snapshot, eventType, () => hasType(current, eventType)))
      if (isKnown) return { value, freshness }
      const types = await typeLists(snapshot, '', () => knownTypes(current))
      throw unknownEventType(eventType, nearestWords(eventType, types, maxNearest))
    },
    async typeTotals(interval) {
      const current = await view(interval)
      if (!current) return { value: [], freshness: null }
      const { reader, snapshot } = current
      const question = JSON.stringify([interval.fromMs, interval.toMs])
      const value = await totals(snapshot, question, () => mergeTypes(current, interval))
      return { value, freshness: freshnessOf(snapshot, reader.binding) }
    },
  }
}

function requireAligned({ fromMs, toMs }: Interval, windowMs: number): void {
  const errors: ParameterError[] = []
  for (const [parameter, timeMs] of [
    ['from', fromMs],
    ['to', toMs],
  ] as const) {
    const detail = timeMs === null ? null : misalignment(timeMs, windowMs)
    if (detail !== null) errors.push({ parameter, detail })
  }
  if (errors.length > 0) throw invalidParameters(errors)
}

async function countEvents(
  { reader, snapshot }: TableView,
  eventType: string,
  interval: Interval,
): Promise<number> {
  let total = 0
  const query = { snapshot, eventTypes: [eventType], ...boundsOf(interval) }
  for await (const { count } of reader.scan(query, ['count'])) for (const some of count) total += some
  return total
}

async function mergeTypes({ reader, snapshot }: TableView, interval: Interval): Promise<TypeTotals[]> {
  const merger = createTypeTotalsMerger()
  const query = { snapshot, ...boundsOf(interval) }
  for await (const rows of reader.scan(query, typeTotalsColumns)) merger.add(rows)
  return merger.totals()
}

async function hasType({ reader, snapshot }: TableView, eventType: string): Promise<boolean> {
  for await (const { length } of reader.scan({ snapshot, eventTypes: [eventType] }, ['eventType'])) {
    if (length > 0) return true
  }
  return false
}

/** From the log alone where the table is partitioned by type. */
async function knownTypes({ reader, snapshot }: TableView): Promise<Set<string>> {
  const types = new Set<string>()
  for await (const type of typesOf(reader, snapshot)) {
    types.add(type)
    if (types.size >= maxTypesCompared) break
  }
  return types
}

async function* typesOf(reader: TableReader, snapshot: Snapshot): AsyncIterable<string> {
  if (reader.binding.partitionBy.includes('event_type')) {
    for (const { partitionValues } of snapshot.files.values()) yield partitionValues.event_type ?? ''
    return
  }
  for await (const { eventType } of reader.scan({ snapshot }, ['eventType'])) yield* eventType
}

function boundsOf({ fromMs, toMs }: Interval): { fromMs?: number; toMs?: number } {
  return { ...(fromMs === null ? {} : { fromMs }), ...(toMs === null ? {} : { toMs }) }
}
