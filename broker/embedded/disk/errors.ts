import { AppError } from '../../../runtime/errors.ts'

/** A producer's batch does not follow the one before it; Kafka error 45. */
export class OutOfOrderSequence extends AppError {
  readonly kafkaError = 45
  readonly producerId: number

  constructor(producerId: number) {
    super('the sequence number does not follow the last one of this producer', {
      code: 'OUT_OF_ORDER_SEQUENCE',
      remedy: 'reject',
    })
    this.producerId = producerId
  }
}

/** A newer instance of the producer has written here; Kafka error 47. */
export class InvalidProducerEpoch extends AppError {
  readonly kafkaError = 47
  readonly producerId: number

  constructor(producerId: number) {
    super('a newer instance of this producer has taken over', {
      code: 'INVALID_PRODUCER_EPOCH',
      remedy: 'reject',
    })
    this.producerId = producerId
  }
}

/** The partition could not be written or made durable. It takes nothing more until a restart; Kafka error 56. */
export class StorageFailed extends AppError {
  readonly kafkaError = 56
  readonly partition: string

  constructor(partition: string, cause?: unknown) {
    super(`the log of ${partition} cannot be written; look at the disk and restart the broker`, {
      code: 'STORAGE_FAILED',
      remedy: 'stop',
      cause,
    })
    this.partition = partition
  }
}

/** The offset is below the log's start or beyond its end; Kafka error 1. */
export class OffsetOutOfRange extends AppError {
  readonly kafkaError = 1
  readonly offset: number

  constructor(offset: number) {
    super(`offset ${offset} is not in the log`, { code: 'OFFSET_OUT_OF_RANGE', remedy: 'reject' })
    this.offset = offset
  }
}

/** The partition's topic was deleted, or the directory closed, while it was in use; Kafka error 3. */
export class PartitionGone extends AppError {
  readonly kafkaError = 3
  readonly partition: string

  constructor(partition: string) {
    super(`${partition} is closed or deleted`, { code: 'PARTITION_GONE', remedy: 'reject' })
    this.partition = partition
  }
}

/** A topic of that name is there already, or just being made; Kafka error 36. */
export class TopicExists extends AppError {
  readonly kafkaError = 36
  readonly topic: string

  constructor(topic: string) {
    super(`topic ${topic} exists already`, { code: 'TOPIC_EXISTS', remedy: 'reject' })
    this.topic = topic
  }
}
