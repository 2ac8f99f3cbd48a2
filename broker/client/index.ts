export type { Delivered } from './delivery.ts'
export {
  BrokerUnavailable,
  CommitRejected,
  KafkaError,
  PublishFailed,
  RecordTooLarge,
  TopicMissing,
} from './errors.ts'
export type { CommittedOffset, OffsetCommit } from './group-offsets.ts'
export { connectKafka, type KafkaClient } from './kafka-client.ts'
export type { OffsetAt } from './list-offsets.ts'
export { createPublisher, type OutgoingRecord, type Publisher, type PublisherOptions } from './publisher.ts'
export type { FetchedPartition, Reader, ReaderOptions } from './reader.ts'
export type { KafkaSettings, SaslSettings } from './settings.ts'
