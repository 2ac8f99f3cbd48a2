/** An encode job to the bytes of a Parquet file: Arrow arrays made by hand, then parquet-wasm. Blocks while it runs. */
import {
  Table as ArrowTable,
  Binary,
  type Data,
  type DataType,
  DateDay,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
} from 'apache-arrow'
import { Compression, EnabledStatistics, Table, WriterPropertiesBuilder, writeParquet } from 'parquet-wasm'
import type { ColumnData, EncodeJob } from './encode-job.ts'

/** Small, so that a reader of one type or day skips most of a large file by the statistics of its row groups. */
const rowGroupRows = 8_192

/** Columns whose values hardly repeat: a dictionary would make a flush a fifth larger. */
const nearlyUnique = ['first_offset', 'last_offset', 'value_sum', 'value_sum_lo', 'value_min', 'value_max']

export function encodeParquet(job: EncodeJob): Uint8Array {
  const children = job.columns.map((column) => arrowData(column, job.length))
  const fields = job.columns.map((column, at) => new Field(column.name, dataAt(children, at).type, true))
  const schema = new Schema(fields)
  const batch = new RecordBatch(
    schema,
    makeData({ type: new Struct(fields), length: job.length, nullCount: 0, children }),
  )
  const ipc = tableToIPC(new ArrowTable(schema, batch), 'stream')
  // Each builder call and writeParquet itself consume what they are given: nothing to free.
  let properties = new WriterPropertiesBuilder()
    .setCompression(Compression.SNAPPY)
    .setMaxRowGroupSize(rowGroupRows)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setCreatedBy('dataflow')
  for (const name of nearlyUnique) properties = properties.setColumnDictionaryEnabled(name, false)
  return writeParquet(Table.fromIPCStream(ipc), properties.build())
}

function dataAt(children: readonly Data<DataType>[], at: number): Data<DataType> {
  const data = children[at]
  if (!data) throw new Error(`no column ${at}`)
  return data
}

function arrowData(column: ColumnData, length: number): Data<DataType> {
  switch (column.kind) {
    case 'string':
      return utf8Data(column.dictionary, column.codes, length)
    case 'timestamp': {
      // Exact where ms * 1000 is past 2^53.
      const micros = BigInt64Array.from(column.valuesMs, (ms) => BigInt(ms) * 1000n)
      return makeData({ type: new TimestampMicrosecond('UTC'), length, nullCount: 0, data: micros })
    }
    case 'date':
      return makeData({ type: new DateDay(), length, nullCount: 0, data: column.days })
    case 'integer':
      return makeData({ type: new Int32(), length, nullCount: 0, data: column.values })
    case 'long':
      return makeData({
        type: new Int64(),
        length,
        nullCount: 0,
        data: BigInt64Array.from(column.values, BigInt),
      })
    case 'double':
      return column.valid
        ? makeData({ type: new Float64(), length, nullBitmap: column.valid, data: column.values })
        : makeData({ type: new Float64(), length, nullCount: 0, data: column.values })
    case 'binary':
      return makeData({
        type: new Binary(),
        length,
        nullCount: length,
        nullBitmap: new Uint8Array(bitmapBytes(length)),
        valueOffsets: new Int32Array(length + 1),
        data: new Uint8Array(0),
      })
    default: {
      const unknown: never = column
      throw new Error(`unknown column ${JSON.stringify(unknown)}`)
    }
  }
}

function utf8Data(dictionary: readonly string[], codes: Int32Array, length: number): Data<Utf8> {
  const encoder = new TextEncoder()
  const encoded = dictionary.map((text) => encoder.encode(text))
  const valueOffsets = new Int32Array(length + 1)
  const nullBitmap = new Uint8Array(bitmapBytes(length))
  let bytes = 0
  let nullCount = 0
  for (let row = 0; row < length; row++) {
    const text = encoded[codes[row] ?? -1]
    if (text) {
      bytes += text.length
      nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7))
    } else nullCount++
    valueOffsets[row + 1] = bytes
  }
  const data = new Uint8Array(bytes)
  for (let row = 0; row < length; row++) {
    const text = encoded[codes[row] ?? -1]
    if (text) data.set(text, valueOffsets[row])
  }
  return makeData({ type: new Utf8(), length, nullCount, nullBitmap, valueOffsets, data })
}

function bitmapBytes(length: number): number {
  return (length + 7) >> 3
}
