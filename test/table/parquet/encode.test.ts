import { type FileMetaData, parquetMetadata } from 'hyparquet'
import { expect, it } from 'vitest'
import type { TableBinding } from '../../../table/binding.ts'
import { tableColumns } from '../../../table/parquet/columns.ts'
import { encodeParquet } from '../../../table/parquet/encode.ts'
import { encodeJobOf, splitRows } from '../../../table/parquet/split.ts'
import { rowsOf, type TableRow } from '../../../table/rows.ts'
import { aBinding, aRow, minuteMs, someTags } from '../../fixtures/table.ts'

it('stores each column in the physical type that other readers expect', () => {
  const { schema } = metadataOf(
    [aRow({ dimensions: ['DE'] })],
    aBinding({ dimensions: ['country'], partitionBy: [] }),
  )

  const types = schema
    .slice(1)
    .map(({ name, type, repetition_type, converted_type, logical_type }) => [
      name,
      type,
      repetition_type,
      logical_type ?? converted_type ?? null,
    ])
  const timestamp = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' }
  expect(types).toEqual([
    ['event_type', 'BYTE_ARRAY', 'OPTIONAL', { type: 'STRING' }],
    ['date', 'INT32', 'OPTIONAL', { type: 'DATE' }],
    ['window_start', 'INT64', 'OPTIONAL', timestamp],
    ['country', 'BYTE_ARRAY', 'OPTIONAL', { type: 'STRING' }],
    ['kafka_partition', 'INT32', 'OPTIONAL', null],
    ['first_offset', 'INT64', 'OPTIONAL', null],
    ['last_offset', 'INT64', 'OPTIONAL', null],
    ['count', 'INT64', 'OPTIONAL', null],
    ['late_count', 'INT64', 'OPTIONAL', null],
    ['value_count', 'INT64', 'OPTIONAL', null],
    ['value_sum', 'DOUBLE', 'OPTIONAL', null],
    ['value_sum_lo', 'DOUBLE', 'OPTIONAL', null],
    ['value_min', 'DOUBLE', 'OPTIONAL', null],
    ['value_max', 'DOUBLE', 'OPTIONAL', null],
    ['users_sketch', 'BYTE_ARRAY', 'OPTIONAL', null],
    ['values_sketch', 'BYTE_ARRAY', 'OPTIONAL', null],
  ])
})

it('keeps partition columns out of the file, and all others in', () => {
  const binding = aBinding({ dimensions: ['device'], partitionBy: ['event_type', 'date'] })
  const { schema } = metadataOf([aRow()], binding)

  const expected = tableColumns(['device']).map(({ name }) => name)
  expect(schema.slice(1).map(({ name }) => name)).toEqual(expected.slice(2))
})

it('compresses with Snappy in row groups of 8,192', () => {
  const rows = Array.from({ length: 20_000 }, (_, n) => aRow({ windowStartMs: n * minuteMs }))
  const { row_groups } = metadataOf(rows, aBinding())

  expect(row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([8_192, 8_192, 3_616])
  expect(
    new Set(row_groups.flatMap(({ columns }) => columns.map((column) => column.meta_data?.codec))),
  ).toEqual(new Set(['SNAPPY']))
})

function metadataOf(list: TableRow[], binding: TableBinding): FileMetaData {
  const rows = rowsOf(list, binding.dimensions.length)
  const [plan] = splitRows(rows, someTags, binding)
  const bytes = encodeParquet(encodeJobOf(rows, plan?.picked ?? new Int32Array(), binding))
  return parquetMetadata(new Uint8Array(bytes).buffer)
}
