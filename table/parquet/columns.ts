/**
 * The table's columns, as Delta names them. All exist from the start, so that later measures need no schema change;
 * in Parquet: timestamp = INT64 TIMESTAMP(MICROS, UTC), string = BYTE_ARRAY STRING, binary = BYTE_ARRAY, date = INT32 DATE.
 */
export type ColumnType = 'string' | 'date' | 'timestamp' | 'integer' | 'long' | 'double' | 'binary'

export interface Column {
  name: string
  type: ColumnType
}

const leading: readonly Column[] = [
  { name: 'event_type', type: 'string' },
  { name: 'date', type: 'date' },
  { name: 'window_start', type: 'timestamp' },
]

const trailing: readonly Column[] = [
  { name: 'kafka_partition', type: 'integer' },
  { name: 'first_offset', type: 'long' },
  { name: 'last_offset', type: 'long' },
  { name: 'count', type: 'long' },
  { name: 'late_count', type: 'long' },
  { name: 'value_count', type: 'long' },
  { name: 'value_sum', type: 'double' },
  { name: 'value_sum_lo', type: 'double' },
  { name: 'value_min', type: 'double' },
  { name: 'value_max', type: 'double' },
  { name: 'users_sketch', type: 'binary' },
  { name: 'values_sketch', type: 'binary' },
]

/** Delta treats column names that differ only in case as one. */
export function isReservedColumn(name: string): boolean {
  return [...leading, ...trailing].some((column) => column.name === name.toLowerCase())
}

/** In the order of the schema, partition columns included. */
export function tableColumns(dimensions: readonly string[]): Column[] {
  return [...leading, ...dimensions.map((name): Column => ({ name, type: 'string' })), ...trailing]
}

/** Delta's JSON text of the schema: everything nullable. */
export function schemaString(dimensions: readonly string[]): string {
  const fields = tableColumns(dimensions).map(({ name, type }) => ({
    name,
    type,
    nullable: true,
    metadata: {},
  }))
  return JSON.stringify({ type: 'struct', fields })
}
