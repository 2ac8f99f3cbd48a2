/**
 * Reads the rows of a snapshot that match a query: files are pruned by the log, row groups by their statistics, only
 * the columns asked for are fetched, and decoded columns are kept for the next query. Data files never change, so the
 * cache is never wrong. A few files are opened ahead of the reader; memory is bounded by those and the cache.
 */
import type { ObjectStore } from '../../storage/index.ts'
import type { AddFile } from '../log/actions.ts'
import type { Snapshot } from '../log/snapshot.ts'
import { keyOfPath } from '../parquet/paths.ts'
import { type RowColumn, rowColumns, type TableRows } from '../rows.ts'
import { createBlockCache } from './block-cache.ts'
import { assembleRows, type DecodedColumn, decodeColumn, parquetColumns } from './columns.ts'
import { type Block, filterBlock } from './filter.ts'
import { openParquetFile, type ParquetFile, type RowGroupInfo } from './parquet-file.ts'
import { mayMatch, partitionEventType, planScan, type ScanFilter } from './plan.ts'

const filesAhead = 8
const indexBytesPerGroup = 200

export interface Scanner {
  scan<C extends RowColumn>(
    snapshot: Snapshot,
    filter: ScanFilter,
    columns: readonly C[] | undefined,
  ): AsyncIterable<Pick<TableRows, C | 'length'>>
}

export function createScanner(parts: {
  store: ObjectStore
  dimensions: readonly string[]
  cacheBytes: number
}): Scanner {
  const { store, dimensions, cacheBytes } = parts
  const decoded = createBlockCache<DecodedColumn>(cacheBytes)
  const indexes = createBlockCache<readonly RowGroupInfo[]>(Math.max(1 << 20, cacheBytes / 8))

  /** A file that is opened when something of it is not cached. */
  function lazyFile(file: AddFile): () => Promise<ParquetFile> {
    let opened: Promise<ParquetFile> | null = null
    return () => {
      opened ??= openParquetFile(store, keyOfPath(file.path), file.size)
      return opened
    }
  }

  async function indexOf(file: AddFile, open: () => Promise<ParquetFile>): Promise<readonly RowGroupInfo[]> {
    const known = indexes.get(file.path)
    if (known) return known
    const { rowGroups } = await open()
    indexes.put(file.path, rowGroups, indexBytesPerGroup * (1 + rowGroups.length))
    return rowGroups
  }

  async function readColumns(
    file: AddFile,
    group: number,
    rows: number,
    names: readonly string[],
    open: () => Promise<ParquetFile>,
  ): Promise<Map<string, DecodedColumn>> {
    const columns = new Map<string, DecodedColumn>()
    const missing: string[] = []
    for (const name of names) {
      const values = decoded.get(cacheKey(file, group, name))
      if (values) columns.set(name, values)
      else missing.push(name)
    }
    if (missing.length === 0) return columns
    const raw = await (await open()).readColumns(group, missing)
    for (const name of missing) {
      const { values, bytes } = decodeColumn(name, raw.get(name) ?? null, rows)
      decoded.put(cacheKey(file, group, name), values, bytes)
      columns.set(name, values)
    }
    return columns
  }

  /** Reads the first block of the file at once, the others when they are asked for. */
  async function openBlocks(
    file: AddFile,
    filter: ScanFilter,
    wanted: ReadonlySet<RowColumn>,
  ): Promise<Block[] | AsyncIterable<Block>> {
    const open = lazyFile(file)
    const type = partitionEventType(file)
    const stored = [...wanted].filter((column) => type === null || column !== 'eventType')
    const names = parquetColumns(stored, dimensions)
    const groups = (await indexOf(file, open))
      .map((info, group) => ({ group, info }))
      .filter(({ info }) => info.rows > 0 && mayMatch(info, filter))
    const read = async ({ group, info }: { group: number; info: RowGroupInfo }): Promise<Block> => {
      const columns = await readColumns(file, group, info.rows, names, open)
      const block = assembleRows(columns, info.rows, stored, dimensions)
      if (type !== null && wanted.has('eventType')) block.eventType = new Array<string>(info.rows).fill(type)
      return block
    }
    const [first, ...others] = groups
    if (!first) return []
    const firstBlock = await read(first)
    return others.length === 0 ? [firstBlock] : inTurn(firstBlock, others, read)
  }

  async function* scan<C extends RowColumn>(
    snapshot: Snapshot,
    filter: ScanFilter,
    columns: readonly C[] | undefined,
  ): AsyncIterable<Pick<TableRows, C | 'length'>> {
    const wanted = new Set<RowColumn>(columns ?? rowColumns)
    if (filter.fromMs !== undefined || filter.toMs !== undefined) wanted.add('windowStartMs')
    if (filter.eventTypes) wanted.add('eventType')
    const files = planScan(snapshot, filter)
    for await (const blocks of ahead(files, filesAhead, (file) => openBlocks(file, filter, wanted))) {
      for await (const block of blocks) {
        const matching = filterBlock(block, filter)
        if (!matching) continue
        if (!hasColumns<C>(matching, columns ?? rowColumns))
          throw new Error('a column of a scan was not read')
        yield matching
      }
    }
  }

  return { scan }
}

function cacheKey(file: AddFile, group: number, column: string): string {
  return `${file.path}\n${group}\n${column}`
}

async function* inTurn<T>(
  first: Block,
  others: readonly T[],
  read: (other: T) => Promise<Block>,
): AsyncIterable<Block> {
  yield first
  for (const other of others) yield await read(other)
}

/** Maps in order with up to `limit` items under way. */
async function* ahead<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): AsyncIterable<R> {
  const underWay: Promise<R>[] = []
  let next = 0
  while (next < items.length || underWay.length > 0) {
    for (const item of items.slice(next, next + limit - underWay.length)) {
      const result = map(item)
      // Its error is told when its turn comes; a reader that has left by then does not want it.
      result.catch(() => {})
      underWay.push(result)
      next++
    }
    const first = underWay.shift()
    if (first) yield await first
  }
}

function hasColumns<C extends RowColumn>(
  block: object,
  columns: readonly RowColumn[],
): block is Pick<TableRows, C | 'length'> {
  return columns.every((column) => column in block)
}
