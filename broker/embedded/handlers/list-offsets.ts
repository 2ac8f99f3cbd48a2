import type { Logger } from '../../../runtime/log.ts'
import {
  earliestTimestamp,
  kafkaError,
  latestTimestamp,
  listOffsets,
  offsetForLeaderEpoch,
} from '../../wire/index.ts'
import type { PartitionLog } from '../disk/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { Topics } from '../topics.ts'
import { leaderEpoch } from './metadata.ts'
import { readErrorCode } from './read-errors.ts'

interface Found {
  errorCode: number
  timestamp: number
  offset: number
  leaderEpoch: number
}

export function listOffsetsEndpoint(topics: Topics, log: Logger): Endpoint {
  return endpoint(listOffsets, async (request) => {
    const isCommitted = request.isolationLevel === 1
    const answers = []
    for (const { name, partitions } of request.topics) {
      const found = []
      for (const { partitionIndex, timestamp, currentLeaderEpoch } of partitions) {
        const partition = topics.partition(name, partitionIndex)
        const result =
          currentLeaderEpoch > 0
            ? nothing(kafkaError.UNKNOWN_LEADER_EPOCH)
            : await find(partition, timestamp, isCommitted).catch((error: unknown) =>
                nothing(readErrorCode(error, { topic: name, partition: partitionIndex, log })),
              )
        found.push({ partitionIndex, ...result })
      }
      answers.push({ name, partitions: found })
    }
    return { throttleTimeMs: 0, topics: answers }
  })
}

async function find(log: PartitionLog | undefined, timestamp: number, isCommitted: boolean): Promise<Found> {
  if (!log) return nothing(kafkaError.UNKNOWN_TOPIC_OR_PARTITION)
  if (timestamp < earliestTimestamp) return nothing(kafkaError.UNSUPPORTED_VERSION)
  if (timestamp === earliestTimestamp) return at(log.logStartOffset)
  // Acknowledged records may become readable a little later; whoever asks now must not be shown an older end.
  await log.settled()
  if (timestamp === latestTimestamp) return at(isCommitted ? log.lastStableOffset : log.highWatermark)
  const record = await log.offsetForTime(timestamp)
  return record ? { ...at(record.offset), timestamp: record.timestampMs } : nothing(kafkaError.NONE)
}

function at(offset: number): Found {
  return { errorCode: kafkaError.NONE, timestamp: -1, offset, leaderEpoch }
}

function nothing(errorCode: number): Found {
  return { errorCode, timestamp: -1, offset: -1, leaderEpoch: -1 }
}

/** There is one epoch, from the beginning of each log to its end. */
export function offsetForLeaderEpochEndpoint(topics: Topics): Endpoint {
  return endpoint(offsetForLeaderEpoch, (request) => ({
    throttleTimeMs: 0,
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, currentLeaderEpoch, leaderEpoch: wanted }) => {
        const log = topics.partition(topic, partition)
        const none = { partition, leaderEpoch: -1, endOffset: -1 }
        if (!log) return { ...none, errorCode: kafkaError.UNKNOWN_TOPIC_OR_PARTITION }
        if (currentLeaderEpoch > 0) return { ...none, errorCode: kafkaError.UNKNOWN_LEADER_EPOCH }
        if (wanted !== leaderEpoch) return { ...none, errorCode: kafkaError.NONE }
        return { partition, leaderEpoch, endOffset: log.highWatermark, errorCode: kafkaError.NONE }
      }),
    })),
  }))
}
