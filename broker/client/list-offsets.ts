import { earliestTimestamp, kafkaError, latestTimestamp, listOffsets } from '../wire/index.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'

export type OffsetAt = 'earliest' | 'latest' | { timestampMs: number }

/**
 * The offset of each partition at a point in its log. `latest` is the end of what is replicated, open transactions
 * included. By time: the first record written at or after it; a partition without one is left out of the answer.
 */
export async function askOffsets(
  cluster: Cluster,
  { topic, partitions, at }: { topic: string; partitions: readonly number[]; at: OffsetAt },
): Promise<Map<number, number>> {
  if (partitions.length === 0) return new Map()
  const timestamp =
    typeof at === 'object' ? at.timestampMs : at === 'earliest' ? earliestTimestamp : latestTimestamp
  const byLeader = await partitionsByLeader(cluster, topic, partitions)
  const found = new Map<number, number>()
  const ask = async (address: string, led: readonly number[]): Promise<void> => {
    const connection = await cluster.to(address)
    const answer = await connection.call(listOffsets, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [
        {
          name: topic,
          partitions: led.map((partitionIndex) => ({ partitionIndex, currentLeaderEpoch: -1, timestamp })),
        },
      ],
    })
    for (const { partitionIndex, errorCode, offset } of answer.topics[0]?.partitions ?? []) {
      if (errorCode !== kafkaError.NONE) {
        throw new KafkaError(`offsets of partition ${partitionIndex} of ${topic}`, errorCode)
      }
      if (offset >= 0) found.set(partitionIndex, offset)
    }
  }
  try {
    await Promise.all([...byLeader].map(([address, led]) => ask(address, led)))
  } catch (error) {
    // Whatever went wrong: the leader may be another one by now.
    cluster.forgetLeaders(topic)
    throw error
  }
  return found
}

/** @throws {KafkaError} LEADER_NOT_AVAILABLE when a partition has none */
async function partitionsByLeader(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
): Promise<Map<string, number[]>> {
  const leaders = await cluster.leaders(topic)
  const byLeader = new Map<string, number[]>()
  for (const partition of partitions) {
    const address = leaders.get(partition) ?? null
    if (address === null) {
      cluster.forgetLeaders(topic)
      const error = leaders.has(partition) ? 'LEADER_NOT_AVAILABLE' : 'UNKNOWN_TOPIC_OR_PARTITION'
      throw new KafkaError(`partition ${partition} of ${topic}`, kafkaError[error])
    }
    byLeader.set(address, [...(byLeader.get(address) ?? []), partition])
  }
  return byLeader
}
