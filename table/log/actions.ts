/** The actions of the Delta protocol that this table reads and writes. On disk each is `{"<kind>": {…rest}}`. */
export type Action = Protocol | MetaData | AddFile | RemoveFile | TxnAction | CommitInfo

export interface Protocol {
  kind: 'protocol'
  minReaderVersion: number
  minWriterVersion: number
  readerFeatures?: string[]
  writerFeatures?: string[]
}

export interface MetaData {
  kind: 'metaData'
  id: string
  name?: string
  format: { provider: string; options: Readonly<Record<string, string>> }
  /** The schema as a JSON text. */
  schemaString: string
  partitionColumns: readonly string[]
  configuration: Readonly<Record<string, string>>
  createdTime?: number
}

/** Raw strings; null where the log has null or "". */
export type PartitionValues = Readonly<Record<string, string | null>>

export interface AddFile {
  kind: 'add'
  /** A URI relative to the table, decoded once by readers. */
  path: string
  partitionValues: PartitionValues
  /** Bytes. */
  size: number
  /** Epoch ms. */
  modificationTime: number
  dataChange: boolean
  /** A JSON text; see table/parquet/stats.ts. */
  stats?: string
  tags?: Readonly<Record<string, string | null>>
}

export interface RemoveFile {
  kind: 'remove'
  /** Byte for byte the path of the add. */
  path: string
  /** Epoch ms. */
  deletionTimestamp: number
  dataChange: boolean
  extendedFileMetadata: true
  partitionValues: PartitionValues
  size: number
}

/** The latest one of an appId wins; its version may go down. */
export interface TxnAction {
  kind: 'txn'
  appId: string
  version: number
  /** Epoch ms. */
  lastUpdated?: number
}

/** Free facts about a commit. Checkpoints do not keep it: nothing needed for correctness goes here. */
export interface CommitInfo {
  kind: 'commitInfo'
  info: Readonly<Record<string, unknown>>
}
