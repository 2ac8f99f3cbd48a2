export type { PartitionColumn, TableBinding } from './binding.ts'
export type { Action, AddFile, CommitInfo, MetaData, Protocol, RemoveFile, TxnAction } from './log/actions.ts'
export type { CommitPlan, CommitResult, Planner } from './log/commit.ts'
export { CommitAbandoned, CorruptLog, TableAltered, UnsupportedTable } from './log/errors.ts'
export type { Snapshot } from './log/snapshot.ts'
export {
  allocateRows,
  type RowColumn,
  rowColumns,
  rowList,
  rowsOf,
  type TableRow,
  type TableRows,
} from './rows.ts'
export type {
  OpenTableParts,
  PartitionTags,
  ScanQuery,
  Table,
  TableReader,
} from './table.ts'
