/** Our own client for reading: raw batches, offsets, single-attempt commits. It joins no group and keeps no position. */
import type { Clock } from '../../runtime/clock.ts'
import { SetupError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { createCluster } from './cluster.ts'
import { askCommittedOffsets, type CommittedOffset, commitOnce, type OffsetCommit } from './group-offsets.ts'
import { askOffsets, type OffsetAt } from './list-offsets.ts'
import { createReader, type Reader, type ReaderOptions } from './reader.ts'
import type { KafkaSettings } from './settings.ts'

/** Questions are asked again for a few seconds while what hinders them may pass. */
export interface KafkaClient {
  clusterId(): Promise<string>
  /** Ascending. @throws {TopicMissing} */
  partitions(topic: string): Promise<number[]>
  /** By time, a partition without a record at or after it is left out. */
  listOffsets(topic: string, partitions: readonly number[], at: OffsetAt): Promise<Map<number, number>>
  /** Partitions that the group committed nothing for are left out. */
  committedOffsets(group: string, topic: string): Promise<Map<number, CommittedOffset>>
  /** ONE attempt. @throws {CommitRejected} @throws {BrokerUnavailable} whether it was stored is unknown */
  commitOffsets(commit: OffsetCommit): Promise<void>
  openReader(options: ReaderOptions): Reader
  close(): Promise<void>
}

/** Connects when first asked something. */
export function connectKafka(settings: KafkaSettings, parts: { log: Logger; clock: Clock }): KafkaClient {
  const cluster = createCluster(settings, parts)
  return {
    async clusterId() {
      const id = await cluster.clusterId()
      if (id === null) throw new SetupError(`Kafka at ${settings.brokers.join(',')} has no cluster id`)
      return id
    },
    partitions: (topic) => cluster.partitions(topic),
    listOffsets: (topic, partitions, at) =>
      cluster.retrying(() => askOffsets(cluster, { topic, partitions, at })),
    committedOffsets: (group, topic) => cluster.retrying(() => askCommittedOffsets(cluster, group, topic)),
    commitOffsets: (commit) => commitOnce(cluster, commit),
    openReader: (options) => createReader(cluster, options, parts.log),
    async close() {
      cluster.close()
    },
  }
}
