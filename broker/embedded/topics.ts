import { AppError } from '../../runtime/errors.ts'
import { kafkaError } from '../wire/index.ts'
import type { DataDir, PartitionLog, Topic, TopicConfig } from './disk/index.ts'
import { TopicExists } from './disk/index.ts'
import { configProblem } from './topic-config.ts'

/** Why a topic was not made or changed, as the protocol says it. */
export class TopicRefused extends AppError {
  readonly kafkaError: number

  constructor(code: number, message: string) {
    super(message, { code: 'TOPIC_REFUSED', remedy: 'reject' })
    this.kafkaError = code
  }
}

export interface NewTopic {
  name: string
  /** -1: the broker's default. */
  partitionCount: number
  /** Must be 1, or -1 for the default. */
  replicationFactor: number
  config: TopicConfig
}

export interface Topics {
  all(): Iterable<Topic>
  get(name: string): Topic | undefined
  partition(name: string, index: number): PartitionLog | undefined
  /** @throws {TopicRefused} */
  check(topic: NewTopic): void
  /** @throws {TopicRefused} */
  create(topic: NewTopic): Promise<Topic>
  /** Finds the topic or makes it with the defaults; asked twice at once it is made once. @throws {TopicRefused} */
  ensure(name: string): Promise<Topic>
  /** @throws {TopicRefused} */
  delete(name: string): Promise<void>
  /** @throws {TopicRefused} */
  grow(name: string, total: number, validateOnly: boolean): Promise<void>
  /** @throws {TopicRefused} */
  configure(name: string, config: TopicConfig, validateOnly: boolean): Promise<void>
}

const validName = /^[a-zA-Z0-9._-]{1,249}$/
/** Each takes open files and memory; more is a mistake on one machine. */
const maxPartitions = 1_000

export function createTopicsOf(data: DataDir, defaultPartitions: number): Topics {
  const beingMade = new Map<string, Promise<Topic>>()

  const find = (name: string): Topic => {
    const topic = data.topics.get(name)
    if (!topic) throw new TopicRefused(kafkaError.UNKNOWN_TOPIC_OR_PARTITION, `topic ${name} does not exist`)
    return topic
  }
  const checkConfig = (config: TopicConfig): void => {
    const problem = configProblem(config)
    if (problem !== null) throw new TopicRefused(kafkaError.INVALID_CONFIG, problem)
  }
  const make = async (name: string, partitionCount: number, config: TopicConfig): Promise<Topic> => {
    const creation = data.createTopic(name, partitionCount, config)
    beingMade.set(name, creation)
    try {
      return await creation
    } catch (error) {
      throw error instanceof TopicExists ? exists(name) : error
    } finally {
      beingMade.delete(name)
    }
  }

  const topics: Topics = {
    all: () => data.topics.values(),
    get: (name) => data.topics.get(name),
    partition: (name, index) => data.topics.get(name)?.partitions[index],
    check({ name, partitionCount, replicationFactor, config }) {
      checkName(name)
      if (data.topics.has(name) || beingMade.has(name)) throw exists(name)
      if (partitionCount === 0 || partitionCount < -1 || partitionCount > maxPartitions) {
        const message = `${partitionCount} partitions are not possible; take 1 to ${maxPartitions}`
        throw new TopicRefused(kafkaError.INVALID_PARTITIONS, message)
      }
      if (replicationFactor !== 1 && replicationFactor !== -1) {
        const message = 'the replication factor must be 1: this is a broker of one node'
        throw new TopicRefused(kafkaError.INVALID_REPLICATION_FACTOR, message)
      }
      checkConfig(config)
    },
    async create(topic) {
      topics.check(topic)
      const { name, partitionCount, config } = topic
      return make(name, partitionCount === -1 ? defaultPartitions : partitionCount, config)
    },
    async ensure(name) {
      checkName(name)
      return data.topics.get(name) ?? beingMade.get(name) ?? make(name, defaultPartitions, {})
    },
    async delete(name) {
      find(name)
      await data.deleteTopic(name)
    },
    async grow(name, total, validateOnly) {
      const current = find(name).partitions.length
      if (total <= current || total > maxPartitions) {
        const message = `topic ${name} has ${current} partitions; take more, up to ${maxPartitions}`
        throw new TopicRefused(kafkaError.INVALID_PARTITIONS, message)
      }
      if (!validateOnly) await data.addPartitions(name, total)
    },
    async configure(name, config, validateOnly) {
      find(name)
      checkConfig(config)
      if (!validateOnly) await data.setTopicConfig(name, config)
    },
  }
  return topics
}

function checkName(name: string): void {
  if (validName.test(name) && name !== '.' && name !== '..') return
  const message = 'a topic name is 1 to 249 of the characters a-z A-Z 0-9 . _ -'
  throw new TopicRefused(kafkaError.INVALID_TOPIC_EXCEPTION, message)
}

function exists(name: string): TopicRefused {
  return new TopicRefused(kafkaError.TOPIC_ALREADY_EXISTS, `topic ${name} exists already`)
}
