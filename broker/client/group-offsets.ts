/** Reading and writing the offsets that a consumer group has committed. */
import { kafkaError, kafkaErrorName, offsetCommit, offsetFetch } from '../wire/index.ts'
import type { Cluster } from './cluster.ts'
import { CommitRejected, KafkaError } from './errors.ts'

export interface CommittedOffset {
  offset: number
  /** Empty when the committer left none. */
  metadata: string
}

export interface OffsetCommit {
  group: string
  /** Empty, with generation -1, for a commit from outside the group; taken only while the group is empty. */
  memberId: string
  generationId: number
  topic: string
  offsets: readonly { partition: number; offset: number; metadata: string }[]
}

/** As stored; a partition without a commit is left out. -2, the log's start, is what some tools commit. */
export async function askCommittedOffsets(
  cluster: Cluster,
  group: string,
  topic: string,
): Promise<Map<number, CommittedOffset>> {
  const partitions = [...(await cluster.leaders(topic)).keys()]
  const coordinator = await cluster.coordinator(group)
  const answer = await coordinator.call(offsetFetch, {
    groupId: group,
    topics: [{ name: topic, partitionIndexes: partitions }],
    requireStable: true,
  })
  const committed = new Map<number, CommittedOffset>()
  const entries = answer.topics.flatMap((found) => found.partitions)
  const errorCode =
    answer.errorCode || (entries.find((entry) => entry.errorCode !== kafkaError.NONE)?.errorCode ?? 0)
  if (errorCode !== kafkaError.NONE) {
    cluster.forgetCoordinator(group)
    throw new KafkaError(`committed offsets of group ${group}`, errorCode)
  }
  for (const { partitionIndex, committedOffset, metadata } of entries) {
    if (committedOffset === -1) continue
    committed.set(partitionIndex, { offset: committedOffset, metadata: metadata ?? '' })
  }
  return committed
}

/**
 * One attempt: a repeated commit could land in a later generation, over the reset that an operator made in between.
 * @throws {CommitRejected} nothing of the refused partitions was stored
 * @throws {BrokerUnavailable} it may have been stored
 */
export async function commitOnce(cluster: Cluster, commit: OffsetCommit): Promise<void> {
  const { group, memberId, generationId, topic, offsets } = commit
  const coordinator = await cluster.coordinator(group)
  const answer = await coordinator.call(offsetCommit, {
    groupId: group,
    generationId,
    memberId,
    groupInstanceId: null,
    retentionTimeMs: -1,
    topics: [
      {
        name: topic,
        partitions: offsets.map(({ partition, offset, metadata }) => ({
          partitionIndex: partition,
          committedOffset: offset,
          committedLeaderEpoch: -1,
          committedMetadata: metadata,
        })),
      },
    ],
  })
  const entries = answer.topics.flatMap((found) => found.partitions)
  const refused = entries.find(({ errorCode }) => errorCode !== kafkaError.NONE)
  if (!refused) return
  cluster.forgetCoordinator(group)
  throw new CommitRejected(group, kafkaErrorName(refused.errorCode))
}
