import type { AddFile, MetaData, Protocol } from './actions.ts'

/** The table as of one version. Immutable: one held across awaits stays what it was. */
export interface Snapshot {
  version: number
  protocol: Protocol
  metaData: MetaData
  /** Live files by path. */
  files: ReadonlyMap<string, AddFile>
  /** The latest txn version of each appId. */
  txns: ReadonlyMap<string, number>
  /** Epoch ms at which `version` was committed. */
  lastCommitMs: number
}
