/** One Parquet file to encode: plain arrays in columns, made to be moved to a worker thread without a copy. */
export interface EncodeJob {
  length: number
  columns: readonly ColumnData[]
}

export type ColumnData =
  /** `codes` index the dictionary; -1 is null. */
  | { kind: 'string'; name: string; dictionary: readonly string[]; codes: Int32Array }
  | { kind: 'timestamp'; name: string; valuesMs: Float64Array }
  /** Days since 1970-01-01. */
  | { kind: 'date'; name: string; days: Int32Array }
  | { kind: 'integer'; name: string; values: Int32Array }
  | { kind: 'long'; name: string; values: Float64Array }
  /** `valid`: a bit per row, least significant first, 0 is null; absent: no nulls. */
  | { kind: 'double'; name: string; values: Float64Array; valid?: Uint8Array }
  /** All null, until a measure fills it. */
  | { kind: 'binary'; name: string }

/** What moves with a job; the sender's arrays are empty afterwards. */
export function transferablesOf(job: EncodeJob): ArrayBuffer[] {
  return job.columns
    .flatMap(arraysOf)
    .flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []))
}

function arraysOf(column: ColumnData): (Int32Array | Float64Array | Uint8Array)[] {
  switch (column.kind) {
    case 'string':
      return [column.codes]
    case 'timestamp':
      return [column.valuesMs]
    case 'date':
      return [column.days]
    case 'integer':
    case 'long':
      return [column.values]
    case 'double':
      return column.valid ? [column.values, column.valid] : [column.values]
    case 'binary':
      return []
    default: {
      const unknown: never = column
      throw new Error(`unknown column ${JSON.stringify(unknown)}`)
    }
  }
}
