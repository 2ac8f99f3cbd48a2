import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { TableBinding } from './binding.ts'
import type { AddFile } from './log/actions.ts'
import type { CommitResult, Planner } from './log/commit.ts'
import type { Snapshot } from './log/snapshot.ts'
import type { PartitionTags } from './parquet/stats.ts'
import type { RowColumn, TableRows } from './rows.ts'
import type { ScanFilter } from './scan/plan.ts'

export interface ScanQuery extends ScanFilter {
  /** Read this version of the table; default: the newest one known. */
  snapshot?: Snapshot
}

export interface TableReader {
  readonly binding: TableBinding
  /** The newest version known; no IO. */
  snapshot(): Snapshot
  /** Lists the log after the last version and takes in what is new. A commit that landed before the call is seen. */
  refresh(): Promise<Snapshot>
  /**
   * Blocks of rows that match, in no order among blocks. Only the columns asked for are read (default: all).
   * Blocks are shared with a cache: never write to their arrays.
   */
  scan<C extends RowColumn = RowColumn>(
    query: ScanQuery,
    columns?: readonly C[],
  ): AsyncIterable<Pick<TableRows, C | 'length'>>
  close(): Promise<void>
}

export interface Table extends TableReader {
  /**
   * Encodes and uploads one file per partition value. The files are invisible until committed; those of a refused
   * commit stay behind as orphans for vacuum. Rows are not consumed.
   */
  writeFiles(rows: TableRows, tags: PartitionTags): Promise<AddFile[]>
  /**
   * Optimistic commit. `plan` is asked anew with the newest snapshot on every rebase; null refuses.
   * Unknown outcomes are settled by reading the log; an abort leaves the outcome unknown.
   */
  commit(plan: Planner, options?: { signal?: AbortSignal }): Promise<CommitResult>
}

export interface OpenTableParts {
  store: ObjectStore
  binding: TableBinding
  log: Logger
  clock: Clock
  /** Where Parquet is encoded. Default: a worker thread, which needs the compiled files. */
  encoder?: 'worker' | 'inline'
  /** Bytes of decoded columns kept for scans. Default 64 MiB. */
  cacheBytes?: number
}
