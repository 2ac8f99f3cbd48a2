/** The Kafka protocol's codec, shared by our client and our broker. One file per family of APIs. */
export {
  type Api,
  commonVersion,
  correlationIdOf,
  decodeRequestBody,
  decodeRequestHeader,
  decodeResponse,
  defineApi,
  encodeRequest,
  encodeResponse,
  type RequestHeader,
} from './api.ts'
export { apiVersions } from './api-versions.ts'
export {
  type BatchEncoder,
  createBatchEncoder,
  encodeTransactionMarker,
  type FinishOptions,
  type RecordHeaders,
} from './batch-encoder.ts'
export * from './batch-header.ts'
export type { Compression } from './compression.ts'
export {
  alterConfigs,
  brokerResource,
  describeConfigs,
  incrementalAlterConfigs,
  topicResource,
} from './configs.ts'
export { CorruptBatch } from './corrupt-batch.ts'
export { crc32c } from './crc32c.ts'
export { type KafkaErrorName, kafkaError, kafkaErrorName } from './error-codes.ts'
export { fetch } from './fetch.ts'
export { deleteGroups, describeGroups, listGroups } from './group-admin.ts'
export { findCoordinator, heartbeat, joinGroup, leaveGroup, syncGroup } from './group-membership.ts'
export { offsetCommit, offsetDelete, offsetFetch } from './group-offsets.ts'
export type { Layout, TypeOf } from './layout.ts'
export { earliestTimestamp, latestTimestamp, listOffsets, offsetForLeaderEpoch } from './list-offsets.ts'
export { metadata, noAuthorizedOperations } from './metadata.ts'
export { murmur2, partitionOf } from './murmur2.ts'
export { MalformedFrame } from './primitives.ts'
export { produce } from './produce.ts'
export { initProducerId } from './producer-id.ts'
export { openBatch, type RecordBatch, splitBatches } from './record-batch.ts'
export { createRecordCursor, type RecordCursor } from './record-cursor.ts'
export { saslAuthenticate, saslHandshake } from './sasl.ts'
export { createPartitions, createTopics, deleteRecords, deleteTopics } from './topics.ts'
