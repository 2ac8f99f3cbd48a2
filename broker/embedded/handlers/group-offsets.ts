import { kafkaError, offsetCommit, offsetDelete, offsetFetch } from '../../wire/index.ts'
import type { CommittedOffsets, OffsetCommit } from '../disk/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { Coordinator } from '../groups/coordinator.ts'
import type { Topics } from '../topics.ts'

const maxMetadataBytes = 4_096

export interface GroupOffsetsParts {
  topics: Topics
  offsets: CommittedOffsets
  coordinator: Coordinator
}

export function groupOffsetsEndpoints({ topics, offsets, coordinator }: GroupOffsetsParts): Endpoint[] {
  return [
    endpoint(offsetCommit, async (request) => {
      const { groupId, memberId, generationId } = request
      const groupError =
        groupId === '' ? kafkaError.INVALID_GROUP_ID : coordinator.mayCommit(groupId, memberId, generationId)
      const commits: OffsetCommit[] = []
      const answers = request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((each) => {
          const { partitionIndex, committedMetadata } = each
          const metadata = committedMetadata ?? ''
          let errorCode = groupError
          if (errorCode === kafkaError.NONE && !topics.partition(name, partitionIndex)) {
            errorCode = kafkaError.UNKNOWN_TOPIC_OR_PARTITION
          }
          if (errorCode === kafkaError.NONE && Buffer.byteLength(metadata) > maxMetadataBytes) {
            errorCode = kafkaError.OFFSET_METADATA_TOO_LARGE
          }
          if (errorCode === kafkaError.NONE) {
            commits.push({
              topic: name,
              partition: partitionIndex,
              offset: each.committedOffset, // any number: kafkajs resets by committing -1 and -2
              leaderEpoch: each.committedLeaderEpoch,
              metadata,
            })
          }
          return { partitionIndex, errorCode }
        }),
      }))
      // Checked and handed over in one tick: a rebalance cannot come in between.
      if (commits.length > 0) await offsets.commit(groupId, commits)
      return { throttleTimeMs: 0, topics: answers }
    }),

    endpoint(offsetFetch, ({ groupId, topics: wanted }) => {
      const stored = offsets.groups.get(groupId)?.offsets
      const asked =
        wanted ??
        [...(stored ?? [])].map(([name, partitions]) => ({ name, partitionIndexes: [...partitions.keys()] }))
      return {
        throttleTimeMs: 0,
        topics: asked.map(({ name, partitionIndexes }) => ({
          name,
          partitions: partitionIndexes.map((partitionIndex) => {
            const found = stored?.get(name)?.get(partitionIndex)
            return {
              partitionIndex,
              committedOffset: found?.offset ?? -1,
              committedLeaderEpoch: found?.leaderEpoch ?? -1,
              metadata: found?.metadata ?? '',
              errorCode: kafkaError.NONE,
            }
          }),
        })),
        errorCode: kafkaError.NONE,
      }
    }),

    endpoint(offsetDelete, async ({ groupId, topics: wanted }) => {
      const group = coordinator.get(groupId)
      if (!group && !offsets.groups.has(groupId)) {
        return { errorCode: kafkaError.GROUP_ID_NOT_FOUND, throttleTimeMs: 0, topics: [] }
      }
      // What members subscribe to is opaque to us, so any member protects every offset.
      const errorCode =
        group && group.members.size > 0 ? kafkaError.GROUP_SUBSCRIBED_TO_TOPIC : kafkaError.NONE
      const partitions = wanted.flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
      )
      if (errorCode === kafkaError.NONE) await offsets.deleteOffsets(groupId, partitions)
      return {
        errorCode: kafkaError.NONE,
        throttleTimeMs: 0,
        topics: wanted.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
        })),
      }
    }),
  ]
}
