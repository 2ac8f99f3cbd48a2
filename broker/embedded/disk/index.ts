export type { CommittedOffset, CommittedOffsets, OffsetCommit, StoredGroup } from './committed-offsets.ts'
export {
  type DataDir,
  type DataDirOptions,
  type FsyncPolicy,
  openDataDir,
  type Topic,
  type TopicConfig,
} from './data-dir.ts'
export {
  InvalidProducerEpoch,
  OffsetOutOfRange,
  OutOfOrderSequence,
  PartitionGone,
  StorageFailed,
  TopicExists,
} from './errors.ts'
export type { AppendResult, PartitionLog, ReadLimit } from './partition-log.ts'
