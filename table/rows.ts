/**
 * Rows of the table in columns: one row per (event type, window, dimensions, Kafka partition) and flush, with the
 * partial aggregate and the offsets of the events in it. Rows of equal keys add up; a reader groups and merges.
 */
export interface TableRows {
  length: number
  eventType: string[]
  /** Epoch ms. Rows are sorted by (eventType, windowStartMs). */
  windowStartMs: Float64Array
  /** [column][row]; as many columns as the table has dimensions. */
  dimensions: (string | null)[][]
  kafkaPartition: Int32Array
  firstOffset: Float64Array
  /** Inclusive. */
  lastOffset: Float64Array
  count: Float64Array
  lateCount: Float64Array
  valueCount: Float64Array
  /** The sum is valueSum + valueSumLo (double-double). */
  valueSum: Float64Array
  valueSumLo: Float64Array
  /** Means nothing where valueCount is 0: stored as null, read back as NaN. */
  valueMin: Float64Array
  valueMax: Float64Array
}

export type RowColumn = Exclude<keyof TableRows, 'length'>

export const rowColumns: readonly RowColumn[] = [
  'eventType',
  'windowStartMs',
  'dimensions',
  'kafkaPartition',
  'firstOffset',
  'lastOffset',
  'count',
  'lateCount',
  'valueCount',
  'valueSum',
  'valueSumLo',
  'valueMin',
  'valueMax',
]

/** One row as an object: for tests and tools, never on a hot path. */
export interface TableRow {
  eventType: string
  windowStartMs: number
  dimensions: (string | null)[]
  kafkaPartition: number
  firstOffset: number
  lastOffset: number
  count: number
  lateCount: number
  valueCount: number
  valueSum: number
  valueSumLo: number
  valueMin: number | null
  valueMax: number | null
}

/** All columns at their full length, numbers 0 and strings ''. */
export function allocateRows(length: number, dimensionCount: number): TableRows {
  return {
    length,
    eventType: new Array<string>(length).fill(''),
    windowStartMs: new Float64Array(length),
    dimensions: Array.from({ length: dimensionCount }, () => new Array<string | null>(length).fill(null)),
    kafkaPartition: new Int32Array(length),
    firstOffset: new Float64Array(length),
    lastOffset: new Float64Array(length),
    count: new Float64Array(length),
    lateCount: new Float64Array(length),
    valueCount: new Float64Array(length),
    valueSum: new Float64Array(length),
    valueSumLo: new Float64Array(length),
    valueMin: new Float64Array(length),
    valueMax: new Float64Array(length),
  }
}

/** Columns from objects, sorted as a flush must be. */
export function rowsOf(list: readonly TableRow[], dimensionCount: number): TableRows {
  const rows = allocateRows(list.length, dimensionCount)
  const sorted = [...list].sort(
    (a, b) => compareText(a.eventType, b.eventType) || a.windowStartMs - b.windowStartMs,
  )
  for (const [at, row] of sorted.entries()) {
    rows.eventType[at] = row.eventType
    rows.windowStartMs[at] = row.windowStartMs
    for (const [column, values] of rows.dimensions.entries()) values[at] = row.dimensions[column] ?? null
    rows.kafkaPartition[at] = row.kafkaPartition
    rows.firstOffset[at] = row.firstOffset
    rows.lastOffset[at] = row.lastOffset
    rows.count[at] = row.count
    rows.lateCount[at] = row.lateCount
    rows.valueCount[at] = row.valueCount
    rows.valueSum[at] = row.valueSum
    rows.valueSumLo[at] = row.valueSumLo
    rows.valueMin[at] = row.valueMin ?? Number.NaN
    rows.valueMax[at] = row.valueMax ?? Number.NaN
  }
  return rows
}

/** Objects from columns. */
export function rowList(rows: TableRows): TableRow[] {
  return Array.from({ length: rows.length }, (_, at) => {
    const number = (column: ArrayLike<number>): number => column[at] ?? 0
    const hasValue = number(rows.valueCount) > 0
    return {
      eventType: rows.eventType[at] ?? '',
      windowStartMs: number(rows.windowStartMs),
      dimensions: rows.dimensions.map((values) => values[at] ?? null),
      kafkaPartition: number(rows.kafkaPartition),
      firstOffset: number(rows.firstOffset),
      lastOffset: number(rows.lastOffset),
      count: number(rows.count),
      lateCount: number(rows.lateCount),
      valueCount: number(rows.valueCount),
      valueSum: number(rows.valueSum),
      valueSumLo: number(rows.valueSumLo),
      valueMin: hasValue ? number(rows.valueMin) : null,
      valueMax: hasValue ? number(rows.valueMax) : null,
    }
  })
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
