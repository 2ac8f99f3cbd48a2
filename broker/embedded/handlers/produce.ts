import { AppError } from '../../../runtime/errors.ts'
import type { Logger } from '../../../runtime/log.ts'
import { kafkaError, produce, type TypeOf } from '../../wire/index.ts'
import { batchProblem } from '../batch-check.ts'
import { InvalidProducerEpoch, OutOfOrderSequence, PartitionGone, StorageFailed } from '../disk/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { maxMessageBytes } from '../topic-config.ts'
import type { Topics } from '../topics.ts'

type PartitionAnswer = TypeOf<(typeof produce)['response']>['topics'][number]['partitions'][number]

export interface ProduceParts {
  topics: Topics
  validateRecords: boolean
  log: Logger
}

export function produceEndpoint({ topics, validateRecords, log }: ProduceParts): Endpoint {
  /** Appends in this very tick; the promise is about the writing. */
  const append = (name: string, index: number, records: Buffer | null, version: number) => {
    const topic = topics.get(name)
    const partition = topic?.partitions[index]
    if (!topic || !partition) return refused(index, kafkaError.UNKNOWN_TOPIC_OR_PARTITION)
    const errorCode = batchProblem(records, {
      produceVersion: version,
      maxMessageBytes: maxMessageBytes(topic.config),
      validateRecords,
    })
    if (errorCode !== kafkaError.NONE || records === null) return refused(index, errorCode)
    return partition.append(records).then(
      ({ baseOffset, logAppendTimeMs }): PartitionAnswer => ({
        index,
        errorCode: kafkaError.NONE,
        baseOffset,
        logAppendTimeMs,
        logStartOffset: partition.logStartOffset,
        recordErrors: [],
        errorMessage: null,
      }),
      (error: unknown) => {
        if (!(error instanceof StorageFailed)) return refused(index, appendErrorCode(error))
        log.error('append failed', { topic: name, partition: index, error })
        return refused(index, error.kafkaError)
      },
    )
  }

  return endpoint(produce, async ({ acks, topics: wanted }, { version }) => {
    const isKnownAcks = acks === -1 || acks === 0 || acks === 1
    const started = wanted.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, records }) =>
        isKnownAcks
          ? append(name, index, records, version)
          : refused(index, kafkaError.INVALID_REQUIRED_ACKS),
      ),
    }))
    const answers = await Promise.all(
      started.map(async ({ name, partitions }) => ({ name, partitions: await Promise.all(partitions) })),
    )
    if (acks !== 0) return { topics: answers, throttleTimeMs: 0 }
    const failed = answers.flatMap(({ partitions }) => partitions).find(({ errorCode }) => errorCode !== 0)
    // With acks=0 nothing is answered, so closing the connection is the only way to say that something is wrong.
    if (failed) throw new UnacknowledgedFailure(failed.errorCode)
    return null
  })
}

/** A batch sent with acks=0 was turned away. */
class UnacknowledgedFailure extends AppError {
  readonly kafkaError: number

  constructor(code: number) {
    super(`a batch sent with acks=0 was refused with error ${code}`, {
      code: 'UNACKNOWLEDGED_FAILURE',
      remedy: 'reject',
    })
    this.kafkaError = code
  }
}

function appendErrorCode(error: unknown): number {
  const isExpected =
    error instanceof OutOfOrderSequence ||
    error instanceof InvalidProducerEpoch ||
    error instanceof PartitionGone
  if (isExpected) return error.kafkaError
  throw error
}

function refused(index: number, errorCode: number): PartitionAnswer {
  return {
    index,
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage: null,
  }
}
