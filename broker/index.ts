/** Moving bytes through Kafka. What they mean is not known here. */
export * from './client/index.ts'
export {
  countDeadLetters,
  createDeadLetters,
  type DeadLetter,
  type DeadLetterStage,
  type DeadLetters,
  readDeadLetters,
  type StoredDeadLetter,
} from './dead-letter.ts'
export { type GroupOptions, joinGroup, type Membership } from './group.ts'
export { deadLetterTopic, ensureTopics, replayLedgerTopic, type WantedTopic } from './topics.ts'
export {
  type BatchEncoder,
  type Compression,
  CorruptBatch,
  createBatchEncoder,
  createRecordCursor,
  openBatch,
  partitionOf,
  type RecordBatch,
  type RecordCursor,
} from './wire/index.ts'
