/** Builds the one kafkajs client that membership and topic administration share. Data never goes through it. */
import kafkajs, { type Kafka, type KafkaConfig, type LogEntry } from 'kafkajs'
import { AppError, errorMessage, SetupError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { BrokerUnavailable } from './client/errors.ts'
import type { KafkaSettings } from './client/settings.ts'

/** @param retries tries after the first one; the waits double from 0.3 s up to 5 s */
export function createKafkaJs(
  settings: KafkaSettings,
  { log, retries }: { log: Logger; retries: number },
): Kafka {
  const config: KafkaConfig = {
    clientId: settings.clientId,
    brokers: settings.brokers,
    ssl: settings.ssl,
    connectionTimeout: 3_000,
    // A consumer that kafkajs restarts by itself would come back without its listeners' knowledge: the owner decides.
    retry: { retries, maxRetryTime: 5_000, restartOnFailure: async () => false },
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => (entry) => forward(entry, log),
  }
  if (settings.sasl) config.sasl = saslOptions(settings.sasl)
  return new kafkajs.Kafka(config)
}

/** Names what kafkajs threw in this project's terms. */
export function translateKafkaJs(error: unknown, settings: KafkaSettings): AppError {
  if (error instanceof AppError) return error
  const chain = causes(error)
  const names = chain.map((link) => (link instanceof Error ? link.name : ''))
  const where = settings.brokers.join(',')
  if (names.includes('KafkaJSSASLAuthenticationError')) {
    return new SetupError(
      `Kafka at ${where} refused the login: ${errorMessage(error)}. Check KAFKA_SASL_*.`,
      error,
    )
  }
  if (names.some((name) => unreachable.has(name))) {
    return new BrokerUnavailable(`Kafka at ${where} does not answer: ${errorMessage(error)}`, error)
  }
  const retriable = chain.some(
    (link) => typeof link === 'object' && link !== null && 'retriable' in link && link.retriable === true,
  )
  return new AppError(`Kafka at ${where}: ${errorMessage(error)}`, {
    code: 'KAFKA_ERROR',
    remedy: retriable ? 'retry' : 'stop',
    cause: error,
  })
}

/** The group's coordinator is loading or moving. */
export function isCoordinatorTrouble(error: unknown): boolean {
  return causes(error).some(
    (link) =>
      typeof link === 'object' &&
      link !== null &&
      'type' in link &&
      typeof link.type === 'string' &&
      coordinatorTrouble.has(link.type),
  )
}

// By the names that kafkajs has for errors 14 to 16.
const coordinatorTrouble = new Set([
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
])
const unreachable = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
])

function causes(error: unknown): unknown[] {
  const chain: unknown[] = []
  for (let link = error; link instanceof Error && chain.length < 10; link = link.cause) chain.push(link)
  return chain
}

function saslOptions(sasl: NonNullable<KafkaSettings['sasl']>): NonNullable<KafkaConfig['sasl']> {
  const { mechanism, username, password } = sasl
  switch (mechanism) {
    case 'plain':
      return { mechanism, username, password }
    case 'scram-sha-256':
      return { mechanism, username, password }
    case 'scram-sha-512':
      return { mechanism, username, password }
    default:
      return mechanism satisfies never
  }
}

/**
 * kafkajs calls every rebalance an error; one step down each, and those to debug. So are error answers, such as that a
 * topic exists: the call that got one throws it, and whoever called decides.
 */
function forward({ level, namespace, log: content }: LogEntry, log: Logger): void {
  const { message: says, broker, error, groupId, memberId, retryCount } = content
  const fields = { says, namespace, broker, error, groupId, memberId, retryCount }
  if (/rebalanc|^Response /i.test(`${says} ${error}`)) log.debug('kafkajs notice', fields)
  else if (level === kafkajs.logLevel.ERROR) log.warn('kafkajs trouble', fields)
  else log.info('kafkajs notice', fields)
}
