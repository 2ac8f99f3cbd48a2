import { type Clock, systemClock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/log.ts'
import { createApiTable } from './api-table.ts'
import { type FsyncPolicy, openDataDir } from './disk/index.ts'
import { createCoordinator } from './groups/coordinator.ts'
import { configsEndpoints } from './handlers/configs.ts'
import { fetchEndpoint } from './handlers/fetch.ts'
import { groupAdminEndpoints } from './handlers/group-admin.ts'
import { groupMembershipEndpoints } from './handlers/group-membership.ts'
import { groupOffsetsEndpoints } from './handlers/group-offsets.ts'
import { listOffsetsEndpoint, offsetForLeaderEpochEndpoint } from './handlers/list-offsets.ts'
import { type Advertise, metadataEndpoint } from './handlers/metadata.ts'
import { produceEndpoint } from './handlers/produce.ts'
import { producerIdEndpoint } from './handlers/producer-id.ts'
import { saslEndpoint } from './handlers/sasl.ts'
import { topicsEndpoints } from './handlers/topics.ts'
import { listen } from './server.ts'
import { createTopicsOf } from './topics.ts'

/**
 * A broker of one node that speaks the Kafka protocol to any client: topics, idempotent producers, classic consumer
 * groups, retention. It has no authentication and no replicas: for one machine, behind its loopback address.
 */
export interface BrokerOptions {
  /** Holds everything; one process at a time. */
  dir: string
  /** Default 127.0.0.1. */
  host?: string
  /** Default 9092; 0 takes a free one. */
  port?: number
  /** What clients are told to connect to. Default: the address at which each of them reached us. */
  advertise?: { host: string; port?: number }
  /** For topics that do not say. Default 7 days and no limit; -1 is no limit. */
  retentionMs?: number
  retentionBytes?: number
  segmentBytes?: number
  fsync?: FsyncPolicy
  /** Whether clients that ask for it get a topic that does not exist. Default true. */
  autoCreateTopics?: boolean
  /** Of topics that do not say. Default 1. */
  defaultPartitions?: number
  /** Walk the records of every batch before taking it. Default false. */
  validateRecords?: boolean
  /** How long a group's first members wait for more. Default 100 ms. */
  initialRebalanceDelayMs?: number
  /** Default 1,000. */
  maxConnections?: number
  /** Default 100 MiB. */
  maxRequestBytes?: number
  log: Logger
  clock?: Clock
}

export interface Broker {
  readonly host: string
  readonly port: number
  /** Answers what is running, makes all durable, lets go of the directory. */
  close(): Promise<void>
}

export type { FsyncPolicy } from './disk/index.ts'

const dayMs = 86_400_000
const retentionCheckMs = 60_000
const mebibyte = 1024 * 1024

/** @throws {SetupError} when the directory is held by another process, or the address is taken */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const {
    dir,
    log,
    clock = systemClock,
    host = '127.0.0.1',
    port = 9092,
    retentionMs = 7 * dayMs,
    retentionBytes = -1,
    segmentBytes = 256 * mebibyte,
    autoCreateTopics = true,
    defaultPartitions = 1,
  } = options
  const data = await openDataDir({
    ...{ dir, log, clock, retentionMs, retentionBytes, segmentBytes },
    fsync: options.fsync ?? 'interval',
  })
  const topics = createTopicsOf(data, defaultPartitions)
  const { offsets, clusterId } = data
  const coordinator = createCoordinator({
    ...{ offsets, clock, log },
    initialRebalanceDelayMs: options.initialRebalanceDelayMs ?? 100,
    minSessionTimeoutMs: 1_000,
    maxSessionTimeoutMs: 30 * 60_000,
    offsetsRetentionMs: 7 * dayMs,
  })
  const advertise: Advertise = ({ localHost, localPort }) => ({
    host: options.advertise?.host ?? localHost,
    port: options.advertise?.port ?? localPort,
  })
  const brokerSettings = {
    'auto.create.topics.enable': String(autoCreateTopics),
    'default.replication.factor': '1',
    'log.retention.bytes': String(retentionBytes),
    'log.retention.ms': String(retentionMs),
    'log.segment.bytes': String(segmentBytes),
    'num.partitions': String(defaultPartitions),
  }
  const apis = createApiTable([
    produceEndpoint({ topics, validateRecords: options.validateRecords ?? false, log }),
    fetchEndpoint(topics, log),
    listOffsetsEndpoint(topics, log),
    offsetForLeaderEpochEndpoint(topics),
    metadataEndpoint({ topics, clusterId, advertise, autoCreateTopics }),
    ...groupMembershipEndpoints(coordinator, advertise),
    ...groupOffsetsEndpoints({ topics, offsets, coordinator }),
    ...groupAdminEndpoints(coordinator, offsets),
    ...topicsEndpoints(topics),
    ...configsEndpoints({
      topics,
      defaults: { retentionMs, retentionBytes, segmentBytes },
      brokerSettings,
    }),
    producerIdEndpoint(data),
    saslEndpoint(),
  ])
  const stopping = new AbortController()
  const server = await listen({
    ...{ host, port, apis, log },
    maxConnections: options.maxConnections ?? 1_000,
    maxRequestBytes: options.maxRequestBytes ?? 100 * mebibyte,
    maxBufferedBytes: 256 * mebibyte,
  }).catch(async (error) => {
    await coordinator.close()
    await data.close()
    throw error
  })
  const enforcing = enforceRetention()
  log.info('broker listening', { host: server.host, port: server.port, dir, topics: data.topics.size })

  return {
    host: server.host,
    port: server.port,
    async close() {
      stopping.abort()
      server.stopAccepting()
      // Parked joins and fetches are answered, then what runs is finished; only then may the logs be closed.
      await coordinator.close()
      await server.close()
      await enforcing
      await data.close()
    },
  }

  async function enforceRetention(): Promise<void> {
    while (!stopping.signal.aborted) {
      await data.enforceRetention(clock.nowMs()).catch((error) => log.error('retention failed', { error }))
      await clock.sleep(retentionCheckMs, stopping.signal)
    }
  }
}
