import { type Clock, systemClock } from '../runtime/clock.ts'
import { SetupError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { ObjectStore } from '../storage/index.ts'
import { metaDataOf, newProtocol, readBinding, requireSameBinding, type TableBinding } from './binding.ts'
import { createCommitter, createTable } from './log/commit.ts'
import { requireWritable, type Snapshot } from './log/snapshot.ts'
import { createLogTail, type LogTail } from './log/tail.ts'
import { isReservedColumn, schemaString } from './parquet/columns.ts'
import { createInlineEncoder, createWorkerEncoder } from './parquet/encoder.ts'
import { createFileWriter } from './parquet/writer.ts'
import { createScanner } from './scan/scan.ts'
import type { OpenTableParts, Table, TableReader } from './table.ts'

const defaultCacheBytes = 64 * 1024 * 1024

/**
 * Opens the table for writing; makes it when there is none. Any number of processes may do so at once.
 * @throws {SetupError} when it is bound to other settings, with what to change
 */
export async function openTable(parts: OpenTableParts): Promise<Table> {
  const { store, binding, log, clock } = parts
  requireValid(binding)
  const tail = createLogTail({ store, clock, log })
  if (!(await tail.refresh())) {
    const metaData = metaDataOf(binding, clock.nowMs())
    const info = { operation: 'CREATE TABLE', operationParameters: {} }
    await createTable({ store, tail, clock, log }, { actions: [newProtocol, metaData], info })
  }
  const opened = tail.snapshot()
  if (!opened) throw new Error(`the table at ${store.url} was made and is not there`)
  requireWritable(opened.protocol)
  const found = readBinding(opened.metaData, store.url)
  requireSameBinding(found, binding, store.url)
  if (opened.metaData.schemaString !== schemaString(found.dimensions)) {
    throw new SetupError(
      `the schema of the table at ${store.url} was changed by another tool; set TABLE_URL to an empty prefix`,
    )
  }

  const encoder = parts.encoder === 'inline' ? createInlineEncoder() : createWorkerEncoder()
  const files = createFileWriter({ store, binding: found, encoder, clock })
  const committer = createCommitter({ store, tail, clock, log, opened })
  return {
    ...readerOf(store, tail, found, parts.cacheBytes),
    writeFiles: (rows, tags) => files.write(rows, tags),
    commit: (plan, options) => committer.commit(plan, options),
    close: () => encoder.close(),
  }
}

/** @returns null when there is no table yet */
export async function openTableForReading(parts: {
  store: ObjectStore
  log: Logger
  clock?: Clock
  /** Bytes of decoded columns kept for scans. Default 64 MiB. */
  cacheBytes?: number
}): Promise<TableReader | null> {
  const { store, log, clock = systemClock, cacheBytes } = parts
  const tail = createLogTail({ store, clock, log })
  const opened = await tail.refresh()
  if (!opened) return null
  return readerOf(store, tail, readBinding(opened.metaData, store.url), cacheBytes)
}

function readerOf(
  store: ObjectStore,
  tail: LogTail,
  binding: TableBinding,
  cacheBytes: number = defaultCacheBytes,
): TableReader {
  const scanner = createScanner({ store, dimensions: binding.dimensions, cacheBytes })
  const present = (snapshot: Snapshot | null): Snapshot => {
    if (!snapshot) throw new Error('an open table has no state')
    return snapshot
  }
  return {
    binding,
    snapshot: () => present(tail.snapshot()),
    refresh: async () => present(await tail.refresh()),
    scan: ({ snapshot = present(tail.snapshot()), ...filter }, columns) =>
      scanner.scan(snapshot, filter, columns),
    close: async () => {},
  }
}

function requireValid({ dimensions, windowMs, partitionBy }: TableBinding): void {
  const names = dimensions.map((name) => name.toLowerCase())
  const wrong = dimensions.filter(
    (name, at) =>
      !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ||
      isReservedColumn(name) ||
      names.indexOf(name.toLowerCase()) !== at,
  )
  if (wrong.length > 0) {
    throw new SetupError(
      `DIMENSIONS names ${wrong.join(', ')}: a name has letters, digits and _, is not one of the table's own columns, and comes once`,
    )
  }
  if (dimensions.length > 3) throw new SetupError('DIMENSIONS names more than 3 columns; leave some out')
  if (!Number.isSafeInteger(windowMs) || windowMs <= 0)
    throw new SetupError('WINDOW_SIZE must be a positive number of ms')
  if (new Set(partitionBy).size !== partitionBy.length)
    throw new SetupError('PARTITION_BY names a column twice; name it once')
}
