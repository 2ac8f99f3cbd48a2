/**
 * What is known of the cluster: its brokers, who leads which partition, who coordinates which group. Asked for when
 * needed, kept until something contradicts it.
 */
import type { Clock } from '../../runtime/clock.ts'
import { SetupError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { retry } from '../../runtime/retry.ts'
import { findCoordinator, kafkaError, metadata, type TypeOf } from '../wire/index.ts'
import type { Connection } from './connection.ts'
import { BrokerUnavailable, KafkaError, TopicMissing } from './errors.ts'
import { type ConnectionPool, createConnectionPool } from './pool.ts'
import type { KafkaSettings } from './settings.ts'

/** Address (host:port) of each partition's leader; null while it has none. */
export type Leaders = ReadonlyMap<number, string | null>

export interface Cluster {
  /** Null from brokers that have none. */
  clusterId(): Promise<string | null>
  /** Asks now. @throws {TopicMissing} */
  partitions(topic: string): Promise<number[]>
  /** As last known. @throws {TopicMissing} */
  leaders(topic: string): Promise<Leaders>
  /** The next call of `leaders` asks again. */
  forgetLeaders(topic: string): void
  coordinator(group: string): Promise<Connection>
  forgetCoordinator(group: string): void
  /** A connection for short requests, shared by all. */
  to(address: string): Promise<Connection>
  /** Whichever broker answers. */
  any(): Promise<Connection>
  /** Calls `work` again while it fails with what passes by itself, for a few seconds. */
  retrying<T>(work: () => Promise<T>): Promise<T>
  /** Connections of its own, so that a request that waits for data delays no other. Closed with the cluster. */
  openPool(): ConnectionPool
  close(): void
}

type Metadata = TypeOf<typeof metadata.response>

const maxAttempts = 8
const topicAttempts = 4
const topicWaitMs = 150

export function createCluster(
  settings: KafkaSettings,
  { log, clock }: { log: Logger; clock: Clock },
): Cluster {
  if (settings.brokers.length === 0) throw new SetupError('no Kafka broker is given: set KAFKA_BROKERS')
  const pool = createConnectionPool(settings, clock)
  const pools = new Set<ConnectionPool>()
  const closing = new AbortController()
  const leadersByTopic = new Map<string, Leaders>()
  const coordinators = new Map<string, string>()
  /** Learnt from the cluster itself; the given ones are the fallback. */
  let addresses: string[] = []
  let nextStart = 0

  const any = async (): Promise<Connection> => {
    const candidates = [...new Set([...addresses, ...settings.brokers])]
    let lastError: unknown
    // Starting elsewhere each time spreads the load and does not insist on a broker that is gone.
    const start = nextStart++
    for (let tried = 0; tried < candidates.length; tried++) {
      const address = candidates[(start + tried) % candidates.length] ?? ''
      try {
        return await pool.to(address)
      } catch (error) {
        if (!(error instanceof BrokerUnavailable)) throw error
        lastError = error
      }
    }
    const detail = lastError instanceof Error ? `: ${lastError.message}` : ''
    throw new BrokerUnavailable(`no Kafka broker answers at ${candidates.join(',')}${detail}`, lastError)
  }
  const askMetadata = async (topics: string[]): Promise<Metadata> => {
    const connection = await any()
    const answer = await connection.call(metadata, {
      topics: topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    })
    addresses = answer.brokers.map(addressOf)
    return answer
  }
  const askLeaders = async (topic: string): Promise<Leaders> => {
    for (let attempt = 1; ; attempt++) {
      const answer = await askMetadata([topic])
      const found = answer.topics.find(({ name }) => name === topic)
      const errorCode = found?.errorCode ?? kafkaError.UNKNOWN_TOPIC_OR_PARTITION
      if (found && errorCode === kafkaError.NONE && found.partitions.length > 0) {
        const byNode = new Map(answer.brokers.map((broker) => [broker.nodeId, addressOf(broker)]))
        const leaders: Leaders = new Map(
          found.partitions.map(({ partitionIndex, leaderId }) => [
            partitionIndex,
            byNode.get(leaderId) ?? null,
          ]),
        )
        leadersByTopic.set(topic, leaders)
        return leaders
      }
      if (errorCode !== kafkaError.UNKNOWN_TOPIC_OR_PARTITION && errorCode !== kafkaError.NONE) {
        throw new KafkaError(`metadata of topic ${topic}`, errorCode)
      }
      // A topic made a moment ago may not have reached this broker yet.
      if (attempt === topicAttempts || closing.signal.aborted) throw new TopicMissing(topic)
      await clock.sleep(topicWaitMs, closing.signal)
    }
  }
  const retrying = <T>(work: () => Promise<T>): Promise<T> =>
    retry(work, {
      clock,
      signal: closing.signal,
      maxAttempts,
      maxMs: 1_000,
      onRetry: (error, attempt, waitMs) =>
        log.debug('asking kafka again', { error, attempt, waitMs: Math.round(waitMs) }),
    })

  return {
    clusterId: () => retrying(async () => (await askMetadata([])).clusterId),
    partitions: (topic) =>
      retrying(async () => [...(await askLeaders(topic)).keys()].toSorted((a, b) => a - b)),
    leaders: async (topic) => leadersByTopic.get(topic) ?? askLeaders(topic),
    forgetLeaders: (topic) => void leadersByTopic.delete(topic),
    async coordinator(group) {
      const known = coordinators.get(group)
      if (known !== undefined) {
        try {
          return await pool.to(known)
        } catch (error) {
          if (!(error instanceof BrokerUnavailable)) throw error
          coordinators.delete(group) // nothing was sent yet, so another broker may well be asked who it is now
        }
      }
      const answer = await (await any()).call(findCoordinator, { key: group, keyType: 0 })
      if (answer.errorCode !== kafkaError.NONE) {
        throw new KafkaError(`coordinator of group ${group}`, answer.errorCode)
      }
      const address = addressOf(answer)
      coordinators.set(group, address)
      return pool.to(address)
    },
    forgetCoordinator: (group) => void coordinators.delete(group),
    to: (address) => pool.to(address),
    any,
    retrying,
    openPool() {
      const opened = createConnectionPool(settings, clock)
      const tracked: ConnectionPool = {
        to: opened.to,
        close() {
          pools.delete(tracked)
          opened.close()
        },
      }
      pools.add(tracked)
      return tracked
    },
    close() {
      closing.abort()
      pool.close()
      for (const opened of pools) opened.close()
    },
  }
}

function addressOf({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
