/** Parquet columns to the arrays of TableRows, with the bytes that each takes in memory. */
import type { RowColumn, TableRows } from '../rows.ts'
import type { RawColumn } from './parquet-file.ts'

export type PlainColumn = Exclude<RowColumn, 'dimensions'>
export type DecodedColumn = (string | null)[] | Float64Array | Int32Array

const parquetNames: Record<PlainColumn, string> = {
  eventType: 'event_type',
  windowStartMs: 'window_start',
  kafkaPartition: 'kafka_partition',
  firstOffset: 'first_offset',
  lastOffset: 'last_offset',
  count: 'count',
  lateCount: 'late_count',
  valueCount: 'value_count',
  valueSum: 'value_sum',
  valueSumLo: 'value_sum_lo',
  valueMin: 'value_min',
  valueMax: 'value_max',
}

/** The Parquet columns behind these row columns. */
export function parquetColumns(columns: Iterable<RowColumn>, dimensions: readonly string[]): string[] {
  return [...columns].flatMap((column) => (column === 'dimensions' ? dimensions : [parquetNames[column]]))
}

/** A column the file lacks reads as all null. */
export function decodeColumn(
  name: string,
  raw: RawColumn | null,
  length: number,
): { values: DecodedColumn; bytes: number } {
  const column = Object.entries(parquetNames).find(([, parquet]) => parquet === name)?.[0]
  if (column === undefined) return decodeTexts(raw, length, null)
  // Another reader's null is the empty type here.
  if (column === 'eventType') return decodeTexts(raw, length, '')
  const values = column === 'kafkaPartition' ? new Int32Array(length) : new Float64Array(length)
  // No value is no minimum; elsewhere null is how another writer may say 0.
  const empty = column === 'valueMin' || column === 'valueMax' ? Number.NaN : 0
  for (let row = 0; row < length; row++) {
    const value = raw?.[row]
    values[row] = typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : empty
  }
  return { values, bytes: values.byteLength }
}

/** Puts decoded columns, by their Parquet names, into the shape of rows. */
export function assembleRows(
  columns: ReadonlyMap<string, DecodedColumn>,
  length: number,
  wanted: Iterable<RowColumn>,
  dimensions: readonly string[],
): Partial<TableRows> & { length: number } {
  const rows: Partial<TableRows> & { length: number } = { length }
  for (const column of wanted) {
    if (column === 'dimensions') {
      rows.dimensions = dimensions.map((name) => textsOf(columns.get(name)))
      continue
    }
    const values = columns.get(parquetNames[column])
    if (column === 'eventType') rows.eventType = hasNoNull(values) ? values : missing(column)
    else if (column === 'kafkaPartition')
      rows.kafkaPartition = values instanceof Int32Array ? values : missing(column)
    else rows[column] = values instanceof Float64Array ? values : missing(column)
  }
  return rows
}

function decodeTexts(
  raw: RawColumn | null,
  length: number,
  empty: string | null,
): { values: (string | null)[]; bytes: number } {
  const values = new Array<string | null>(length).fill(empty)
  let bytes = 8 * length
  let last: unknown = null
  for (let row = 0; row < length; row++) {
    const value = raw?.[row]
    if (typeof value !== 'string') continue
    values[row] = value
    // Equal neighbours come from one dictionary entry and share their text.
    if (value !== last) bytes += 16 + 2 * value.length
    last = value
  }
  return { values, bytes }
}

function textsOf(values: DecodedColumn | undefined): (string | null)[] {
  return Array.isArray(values) ? values : missing('text')
}

function hasNoNull(values: DecodedColumn | undefined): values is string[] {
  return Array.isArray(values) && values.every((value) => value !== null)
}

function missing(column: string): never {
  throw new Error(`column ${column} was not decoded`)
}
