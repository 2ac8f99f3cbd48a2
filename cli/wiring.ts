import {
  connectKafka,
  deadLetterTopic,
  ensureTopics,
  type KafkaClient,
  type KafkaSettings,
  replayLedgerTopic,
} from '../broker/index.ts'
import { type EventSettings, parseDimensions, parseEventMap } from '../events/index.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config.ts'
import { errorMessage, SetupError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { type ObjectStore, openStore, probeConditionalWrites } from '../storage/index.ts'
import type { TableBinding } from '../table/index.ts'
import type { CommandContext } from './command-line.ts'
import { prepareFolder, requireFolder } from './home.ts'
import { localFolder } from './locations.ts'

/** From settings to the plain options that each module takes. The one place where parts are chosen. */

export function kafkaSettings(config: Config): KafkaSettings {
  const { brokers, ssl, sasl } = config.kafka
  return { brokers, clientId: 'dataflow', ssl, ...(sasl && { sasl }) }
}

export function eventSettings(config: Config): EventSettings {
  const { map, timezone, dimensions, maxFutureMs } = config.events
  return {
    map: parseEventMap(map ?? ''),
    timezone,
    dimensions: parseDimensions(dimensions ?? ''),
    maxFutureMs,
  }
}

export function tableBinding(config: Config, clusterId: string): TableBinding {
  return {
    topic: config.kafka.topic,
    group: config.kafka.groupId,
    clusterId,
    windowMs: config.windows.sizeMs,
    dimensions: eventSettings(config).dimensions.map(({ name }) => name),
    partitionBy: config.table.partitionBy,
  }
}

/** Connects and makes sure that Kafka answers. @throws SetupError that names the address */
export async function reachKafka({
  config,
  log,
}: Pick<CommandContext, 'config' | 'log'>): Promise<KafkaClient> {
  const client = connectKafka(kafkaSettings(config), { log, clock: systemClock })
  try {
    await client.clusterId()
    return client
  } catch (error) {
    await client.close()
    const remedy = config.kafka.embedded
      ? 'start it with `npm start` or `npx dataflow broker`, or set KAFKA_BROKERS'
      : 'check KAFKA_BROKERS, KAFKA_SSL and KAFKA_SASL_*'
    throw new SetupError(`${errorMessage(error)}: ${remedy}`, error)
  }
}

/** Creates the topics that are missing. Dead letters and the replay ledger never expire. */
export async function prepareTopics(config: Config, log: Logger): Promise<void> {
  const { topic, partitions, retention } = config.kafka
  const kept = { 'retention.ms': '-1', 'retention.bytes': '-1', 'cleanup.policy': 'delete' }
  await ensureTopics(
    kafkaSettings(config),
    [
      {
        topic,
        partitions,
        config: {
          'retention.ms': String(retention.ms),
          'retention.bytes': String(perPartition(retention.bytes, partitions)),
        },
      },
      { topic: deadLetterTopic(topic), partitions: 1, config: kept, unlimitedRetention: true },
      { topic: replayLedgerTopic, partitions: 1, config: kept, unlimitedRetention: true },
    ],
    log,
  )
}

/** EVENTS_RETENTION is about the topic; Kafka limits each partition. */
function perPartition(bytes: number, partitions: number): number {
  return bytes < 0 ? bytes : Math.ceil(bytes / partitions)
}

/** @throws SetupError when a folder that was named is not there: it is more likely misspelt than empty */
export async function openRawStore(config: Config): Promise<ObjectStore> {
  const folder = localFolder(config.raw.url)
  if (folder && !config.raw.embedded) await requireFolder(folder, 'RAW_URL')
  if (folder && config.raw.embedded) await prepareFolder(folder, 'DATAFLOW_HOME')
  const store = await openStore(config.raw.url, config.s3)
  // An empty prefix is waited on; a bucket that is missing or closed to us is told at once.
  for await (const _first of store.list()) break
  return store
}

/** For readers: nothing is written. */
export async function openTableStore(config: Config): Promise<ObjectStore> {
  const folder = localFolder(config.table.url)
  if (folder) await prepareFolder(folder, config.table.embedded ? 'DATAFLOW_HOME' : 'TABLE_URL')
  return openStore(config.table.url, config.s3)
}

/** For writers. The table's commits rest on conditional writes, so these are tried out before anything else. */
export async function openWritableTableStore(config: Config): Promise<ObjectStore> {
  const store = await openTableStore(config)
  await probeConditionalWrites(store)
  return store
}
