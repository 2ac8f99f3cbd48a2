import { AppError, type Remedy } from '../../runtime/errors.ts'
import { kafkaError, kafkaErrorName } from '../wire/index.ts'

/** No broker answered, or the connection broke before it did. What was sent may have been carried out. */
export class BrokerUnavailable extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'BROKER_UNAVAILABLE', remedy: 'retry', cause })
  }
}

export class TopicMissing extends AppError {
  readonly topic: string

  constructor(topic: string) {
    super(`there is no topic ${topic}`, { code: 'TOPIC_MISSING', remedy: 'stop' })
    this.topic = topic
  }
}

/** A broker answered with an error code that has no class of its own. */
export class KafkaError extends AppError {
  /** Kafka's name of the error, such as NOT_LEADER_OR_FOLLOWER. */
  readonly kafkaError: string

  /** @param doing what was refused, for the message */
  constructor(doing: string, errorCode: number) {
    const name = kafkaErrorName(errorCode)
    super(`${doing}: the broker says ${name}`, {
      code: 'KAFKA_ERROR',
      remedy: passingErrors.has(errorCode) ? 'retry' : 'stop',
    })
    this.kafkaError = name
  }
}

/** Errors that pass by themselves: a leader or coordinator moves, a replica catches up, a topic becomes known. */
const passingErrors = new Set<number>([
  kafkaError.UNKNOWN_TOPIC_OR_PARTITION,
  kafkaError.LEADER_NOT_AVAILABLE,
  kafkaError.NOT_LEADER_OR_FOLLOWER,
  kafkaError.REQUEST_TIMED_OUT,
  kafkaError.REPLICA_NOT_AVAILABLE,
  kafkaError.NETWORK_EXCEPTION,
  kafkaError.COORDINATOR_LOAD_IN_PROGRESS,
  kafkaError.COORDINATOR_NOT_AVAILABLE,
  kafkaError.NOT_COORDINATOR,
  kafkaError.NOT_ENOUGH_REPLICAS,
  kafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  kafkaError.CONCURRENT_TRANSACTIONS,
  kafkaError.KAFKA_STORAGE_ERROR,
  kafkaError.FENCED_LEADER_EPOCH,
  kafkaError.UNKNOWN_LEADER_EPOCH,
  kafkaError.UNSTABLE_OFFSET_COMMIT,
])

/** The group coordinator refused an offset commit: most often this member's generation is over. */
export class CommitRejected extends AppError {
  readonly kafkaError: string

  constructor(group: string, kafkaError: string) {
    super(`the offsets of group ${group} were not committed: the broker says ${kafkaError}`, {
      code: 'COMMIT_REJECTED',
      remedy: 'reject',
    })
    this.kafkaError = kafkaError
  }
}

/** A record that no broker would take, told before anything is sent. */
export class RecordTooLarge extends AppError {
  constructor(bytes: number, maxBytes: number) {
    super(`a record of ${bytes} bytes is larger than the batch limit of ${maxBytes}`, {
      code: 'RECORD_TOO_LARGE',
      remedy: 'reject',
    })
  }
}

/**
 * A publisher could not deliver, and whether its last records are stored is unknown. It is dead: only a new publisher
 * may go on, since reusing its sequence numbers could make the broker acknowledge records it never stored.
 */
export class PublishFailed extends AppError {
  readonly topic: string

  /** @param remedy of the whole attempt: `retry` means with a new publisher, which may store records twice */
  constructor(
    topic: string,
    why: string,
    { cause, remedy = 'retry' }: { cause?: unknown; remedy?: Remedy } = {},
  ) {
    super(`records for ${topic} may not be stored: ${why}`, { code: 'PUBLISH_FAILED', remedy, cause })
    this.topic = topic
  }
}
