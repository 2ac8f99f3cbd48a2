import {
  createPartitions,
  createTopics,
  deleteRecords,
  deleteTopics,
  kafkaError,
  type TypeOf,
} from '../../wire/index.ts'
import { OffsetOutOfRange, PartitionGone, StorageFailed } from '../disk/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { type NewTopic, TopicRefused, type Topics } from '../topics.ts'
import { nodeId } from './metadata.ts'

type TopicRequest = TypeOf<(typeof createTopics)['request']>['topics'][number]

interface Outcome {
  errorCode: number
  errorMessage: string | null
}

export function topicsEndpoints(topics: Topics): Endpoint[] {
  return [
    endpoint(createTopics, async ({ topics: wanted, validateOnly }) => {
      const answers = []
      for (const request of wanted) {
        const isTwice = wanted.filter(({ name }) => name === request.name).length > 1
        const outcome = await outcomeOf(async () => {
          if (isTwice)
            throw new TopicRefused(kafkaError.INVALID_REQUEST, `topic ${request.name} is named twice`)
          if (validateOnly) topics.check(newTopic(request))
          else await topics.create(newTopic(request))
        })
        answers.push({ name: request.name, ...outcome })
      }
      return { throttleTimeMs: 0, topics: answers }
    }),

    endpoint(deleteTopics, async ({ topicNames }) => {
      const responses = []
      for (const name of topicNames) {
        const { errorCode } = await outcomeOf(() => topics.delete(name))
        responses.push({ name, errorCode })
      }
      return { throttleTimeMs: 0, responses }
    }),

    endpoint(createPartitions, async ({ topics: wanted, validateOnly }) => {
      const results = []
      for (const { name, count } of wanted) {
        const outcome = await outcomeOf(() => topics.grow(name, count, validateOnly))
        results.push({ name, ...outcome })
      }
      return { throttleTimeMs: 0, results }
    }),

    endpoint(deleteRecords, async ({ topics: wanted }) => {
      const answers = []
      for (const { name, partitions } of wanted) {
        const results = []
        for (const { partitionIndex, offset } of partitions) {
          results.push({ partitionIndex, ...(await deleteBefore(topics, name, partitionIndex, offset)) })
        }
        answers.push({ name, partitions: results })
      }
      return { throttleTimeMs: 0, topics: answers }
    }),
  ]
}

/** Assignments say where replicas go; here there is only one place. */
function newTopic({ name, numPartitions, replicationFactor, assignments, configs }: TopicRequest): NewTopic {
  const config: Record<string, string> = {}
  for (const { name: key, value } of configs) if (value !== null) config[key] = value
  if (assignments.length === 0) return { name, partitionCount: numPartitions, replicationFactor, config }
  if (assignments.some(({ brokerIds }) => brokerIds.length !== 1 || brokerIds[0] !== nodeId)) {
    throw new TopicRefused(
      kafkaError.INVALID_REPLICA_ASSIGNMENT,
      `the only broker there is has the id ${nodeId}`,
    )
  }
  return { name, partitionCount: assignments.length, replicationFactor: 1, config }
}

async function outcomeOf(work: () => Promise<void>): Promise<Outcome> {
  try {
    await work()
    return { errorCode: kafkaError.NONE, errorMessage: null }
  } catch (error) {
    if (error instanceof TopicRefused) return { errorCode: error.kafkaError, errorMessage: error.message }
    throw error
  }
}

async function deleteBefore(topics: Topics, name: string, index: number, offset: number) {
  const log = topics.partition(name, index)
  if (!log) return { lowWatermark: -1, errorCode: kafkaError.UNKNOWN_TOPIC_OR_PARTITION }
  try {
    // Whoever was told that a record is stored may delete it, also when that is not durable yet.
    await log.settled()
    const target = offset === -1 ? log.highWatermark : offset
    if (target < 0) return { lowWatermark: -1, errorCode: kafkaError.OFFSET_OUT_OF_RANGE }
    return { lowWatermark: await log.deleteRecordsBefore(target), errorCode: kafkaError.NONE }
  } catch (error) {
    if (
      error instanceof OffsetOutOfRange ||
      error instanceof PartitionGone ||
      error instanceof StorageFailed
    ) {
      return { lowWatermark: -1, errorCode: error.kafkaError }
    }
    throw error
  }
}
