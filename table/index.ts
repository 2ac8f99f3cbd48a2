export type { PartitionColumn, TableBinding } from './binding.ts'
export type { Action, AddFile, CommitInfo, MetaData, Protocol, RemoveFile, TxnAction } from './log/actions.ts'
export type { CommitPlan, CommitResult, Planner } from './log/commit.ts'
export { CommitAbandoned, CorruptLog, TableAltered, UnsupportedTable } from './log/errors.ts'
export type { Snapshot } from './log/snapshot.ts'
export { openTable, openTableForReading } from './open-table.ts'
export { EncoderFailed } from './parquet/encoder.ts'
export { type FileTag, type PartitionTag, type PartitionTags, readTags } from './parquet/stats.ts'
export {
  isReprocessing,
  type PartitionProgress,
  type ProgressChange,
  type ProgressKey,
  progressActions,
  readProgress,
  tableWatermarkMs,
} from './progress.ts'
export {
  allocateRows,
  type RowColumn,
  rowColumns,
  rowList,
  rowsOf,
  type TableRow,
  type TableRows,
} from './rows.ts'
export { latestWindowStartMs, planScan, type ScanFilter } from './scan/plan.ts'
export type {
  OpenTableParts,
  ScanQuery,
  Table,
  TableReader,
} from './table.ts'
