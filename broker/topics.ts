/**
 * The topics this product needs, and what they must promise. A topic is never altered: an existing one that would lose
 * what must be kept is refused, with the command that mends it.
 */
// A CommonJS module whose names Node cannot all see: only the default import has them.
import kafkajs, { type Admin } from 'kafkajs'
import { systemClock } from '../runtime/clock.ts'
import { SetupError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { retry } from '../runtime/retry.ts'
import type { KafkaSettings } from './client/settings.ts'
import { createKafkaJs, translateKafkaJs } from './kafkajs-client.ts'

export interface WantedTopic {
  topic: string
  /** Used only when the topic has to be created. */
  partitions: number
  config: Readonly<Record<string, string>>
  /** Nothing may ever expire here: created so, and refused if it exists otherwise. */
  unlimitedRetention?: boolean
}

/** Which raw objects were replayed how far; if it expired, everything would be replayed again. */
export const replayLedgerTopic = 'dataflow.replay.ledger'

export function deadLetterTopic(eventsTopic: string): string {
  return `${eventsTopic}.dlq`
}

/**
 * Creates the topics that are missing and checks those that exist. Safe to call from several processes at once.
 * @throws {SetupError} when an existing topic's retention would lose what must be kept
 */
export async function ensureTopics(
  settings: KafkaSettings,
  wanted: readonly WantedTopic[],
  log: Logger,
): Promise<void> {
  const admin = createKafkaJs(settings, { log, retries: 5 }).admin()
  try {
    await admin.connect()
    const existing = new Set(await admin.listTopics())
    const missing = wanted.filter(({ topic }) => !existing.has(topic))
    if (missing.length > 0) await create(admin, missing, log)
    // The ones just made as well: another process may have made them first, and otherwise.
    const unlimitedTopics = wanted.filter(({ unlimitedRetention }) => unlimitedRetention)
    const check = async (): Promise<void> => {
      try {
        await refuseFiniteRetention(admin, unlimitedTopics, settings)
      } catch (error) {
        throw translateKafkaJs(error, settings)
      }
    }
    // While another process is about to make a topic it exists already and is not to be found yet.
    await retry(check, { clock: systemClock, maxAttempts: 8, baseMs: 100, maxMs: 1_000 })
  } catch (error) {
    throw translateKafkaJs(error, settings)
  } finally {
    await admin.disconnect()
  }
}

const unlimited = { 'retention.ms': '-1', 'retention.bytes': '-1', 'cleanup.policy': 'delete' } as const

async function create(admin: Admin, topics: readonly WantedTopic[], log: Logger): Promise<void> {
  const created = await admin.createTopics({
    waitForLeaders: true,
    topics: topics.map(({ topic, partitions, config, unlimitedRetention }) => ({
      topic,
      numPartitions: partitions,
      configEntries: Object.entries({ ...config, ...(unlimitedRetention ? unlimited : {}) }).map(
        ([name, value]) => ({ name, value }),
      ),
    })),
  })
  for (const { topic, partitions } of topics) {
    if (created) log.info('topic created', { topic, partitions })
  }
}

async function refuseFiniteRetention(
  admin: Admin,
  topics: readonly WantedTopic[],
  settings: KafkaSettings,
): Promise<void> {
  if (topics.length === 0) return
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map(({ topic }) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name: topic,
      configNames: Object.keys(unlimited),
    })),
  })
  for (const { resourceName: topic, configEntries } of resources) {
    const found = new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]))
    const wrong = Object.entries(unlimited).filter(([name, value]) => (found.get(name) ?? value) !== value)
    if (wrong.length === 0) continue
    const facts = wrong.map(([name]) => `${name}=${found.get(name)}`).join(', ')
    const config = Object.entries(unlimited)
      .map(([name, value]) => `${name}=${value}`)
      .join(',')
    throw new SetupError(
      `topic ${topic} must keep everything for ever but has ${facts}. Mend it with: kafka-configs.sh --bootstrap-server ${settings.brokers[0]} --alter --entity-type topics --entity-name ${topic} --add-config ${config}`,
    )
  }
}
