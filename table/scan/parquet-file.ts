/** One Parquet file in the store: its footer by a read of its tail, its columns by ranged reads of what is asked. */
import {
  type AsyncBuffer,
  type FileMetaData,
  type ParquetReadOptions,
  parquetMetadataAsync,
  parquetRead,
  type RowGroup,
} from 'hyparquet'
import type { ObjectStore } from '../../storage/index.ts'

/** Most files of a flush are smaller: one read brings them whole. */
const tailBytes = 128 * 1024

/** Decoded values as hyparquet gives them: typed arrays, or a list with nulls. Timestamps are epoch ms. */
export type RawColumn = ArrayLike<unknown>

export interface ParquetFile {
  rowGroups: readonly RowGroupInfo[]
  /** Null for a column that the file lacks. */
  readColumns(group: number, names: readonly string[]): Promise<Map<string, RawColumn | null>>
}

export interface RowGroupInfo {
  rows: number
  /** By the group's statistics; null when there are none. */
  eventType: { min: string; max: string } | null
  /** Epoch ms. */
  windowStartMs: { min: number; max: number } | null
}

export async function openParquetFile(store: ObjectStore, key: string, size: number): Promise<ParquetFile> {
  const file = await withTail(store, key, size)
  const metadata = await parquetMetadataAsync(file, { ...decoding, initialFetchSize: tailBytes })
  const starts = rowStarts(metadata)
  const codecs = await foreignCodecs(metadata)
  const stored = new Set(metadata.schema.map(({ name }) => name))
  return {
    rowGroups: metadata.row_groups.map(groupInfo),
    async readColumns(group, names) {
      const rowStart = starts[group]
      const rows = metadata.row_groups[group]?.num_rows
      if (rowStart === undefined || rows === undefined) throw new Error(`${key} has no row group ${group}`)
      const columns = names.filter((name) => stored.has(name))
      const rowEnd = rowStart + Number(rows)
      const found = await readRange({ file, metadata, columns, rowStart, rowEnd, ...codecs })
      return new Map(names.map((name) => [name, found.get(name) ?? null]))
    },
  }
}

/** Decoders for what hyparquet itself does not know, loaded when another tool's file needs them. */
async function foreignCodecs(metadata: FileMetaData): Promise<Pick<ParquetReadOptions, 'compressors'>> {
  const used = metadata.row_groups.flatMap(({ columns }) => columns.map(({ meta_data }) => meta_data?.codec))
  if (used.every((codec) => codec === 'SNAPPY' || codec === 'UNCOMPRESSED')) return {}
  const { compressors } = await import('hyparquet-compressors')
  return { compressors }
}

/** hyparquet would make Dates of timestamps, and text of plain bytes (sketches). */
const decoding = {
  utf8: false,
  geoparquet: false,
  parsers: {
    timestampFromMicroseconds: (micros: bigint): number => {
      const number = Number(micros)
      return Number.isSafeInteger(number) ? number / 1_000 : Number(micros / 1_000n)
    },
    timestampFromMilliseconds: (millis: bigint): number => Number(millis),
    timestampFromNanoseconds: (nanos: bigint): number => Number(nanos / 1_000n) / 1_000,
  },
}

interface ReadRange extends Pick<ParquetReadOptions, 'compressors'> {
  file: AsyncBuffer
  metadata: FileMetaData
  columns: string[]
  rowStart: number
  rowEnd: number
}

async function readRange(range: ReadRange): Promise<Map<string, RawColumn>> {
  const chunks = new Map<string, RawColumn[]>()
  if (range.columns.length === 0) return new Map()
  await parquetRead({
    ...decoding,
    ...range,
    onChunk: ({ columnName, columnData }) => {
      const list = chunks.get(columnName) ?? []
      list.push(columnData)
      chunks.set(columnName, list)
    },
  })
  return new Map([...chunks].map(([name, list]) => [name, joined(list)]))
}

function joined(chunks: readonly RawColumn[]): RawColumn {
  const [only] = chunks
  return only && chunks.length === 1 ? only : chunks.flatMap((chunk) => Array.from(chunk))
}

async function withTail(store: ObjectStore, key: string, size: number): Promise<AsyncBuffer> {
  const tailStart = Math.max(0, size - tailBytes)
  const tail = await readBuffer(store, key, tailStart, size)
  return {
    byteLength: size,
    slice: (start, end = size) =>
      start >= tailStart
        ? tail.slice(start - tailStart, end - tailStart)
        : readBuffer(store, key, start, end),
  }
}

async function readBuffer(store: ObjectStore, key: string, start: number, end: number): Promise<ArrayBuffer> {
  const bytes = await store.get(key, { start, end })
  const { buffer, byteOffset, byteLength } = bytes
  const isWhole = byteOffset === 0 && byteLength === buffer.byteLength
  return isWhole && buffer instanceof ArrayBuffer ? buffer : new Uint8Array(bytes).buffer
}

function rowStarts(metadata: FileMetaData): number[] {
  let start = 0
  return metadata.row_groups.map((group) => {
    const at = start
    start += Number(group.num_rows)
    return at
  })
}

function groupInfo(group: RowGroup): RowGroupInfo {
  const range = (name: string): [min: unknown, max: unknown] => {
    const stats = group.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === name)?.meta_data
      ?.statistics
    return [stats?.min_value, stats?.max_value]
  }
  const [minType, maxType] = range('event_type')
  const [minMs, maxMs] = range('window_start')
  return {
    rows: Number(group.num_rows),
    eventType:
      typeof minType === 'string' && typeof maxType === 'string' ? { min: minType, max: maxType } : null,
    windowStartMs: typeof minMs === 'number' && typeof maxMs === 'number' ? { min: minMs, max: maxMs } : null,
  }
}
