/**
 * Gets sealed batches stored, each exactly once and in order within its partition.
 *
 * In every round each partition's oldest batch is sent, one request per leader; a partition is never ahead of its
 * oldest batch, so a repeated request carries the sequence number that the broker expects next or has just stored.
 */
import type { Clock } from '../../runtime/clock.ts'
import { AppError } from '../../runtime/errors.ts'
import { backoffMs } from '../../runtime/retry.ts'
import { type KafkaErrorName, kafkaError, produce, type TypeOf } from '../wire/index.ts'
import type { Cluster } from './cluster.ts'
import { BrokerUnavailable, KafkaError, PublishFailed } from './errors.ts'
import type { ConnectionPool } from './pool.ts'

/** A whole record batch. Its bytes, sequence number included, stay the same however often it is sent. */
export interface SealedBatch {
  partition: number
  recordCount: number
  bytes: Buffer
}

export interface Delivered {
  partition: number
  /** Offset of the batch's first record; the others follow it. */
  baseOffset: number
  recordCount: number
}

export interface DeliveryOptions {
  topic: string
  /** After that long without success it gives up. */
  deliveryTimeoutMs: number
}

export interface DeliveryParts {
  cluster: Cluster
  pool: ConnectionPool
  clock: Clock
  /** Aborts when the publisher is closed. */
  signal: AbortSignal
}

const brokerTimeoutMs = 30_000
const maxRequestBytes = 16 * 1024 * 1024
const maxBackoffMs = 1_000

type PartitionAnswer = TypeOf<typeof produce.response>['topics'][number]['partitions'][number]

/** @throws {PublishFailed} whether the batches that are left are stored is unknown */
export async function deliver(
  batches: readonly SealedBatch[],
  { cluster, pool, clock, signal }: DeliveryParts,
  { topic, deliveryTimeoutMs }: DeliveryOptions,
): Promise<Delivered[]> {
  const deadlineMs = clock.nowMs() + deliveryTimeoutMs
  const queues = new Map<number, SealedBatch[]>()
  for (const batch of batches) queues.set(batch.partition, [...(queues.get(batch.partition) ?? []), batch])
  const delivered: Delivered[] = []
  let failedRounds = 0

  const settle = (batch: SealedBatch, baseOffset: number): void => {
    const { partition, recordCount } = batch
    delivered.push({ partition, baseOffset, recordCount })
    const rest = queues.get(partition)?.slice(1) ?? []
    if (rest.length > 0) queues.set(partition, rest)
    else queues.delete(partition)
  }
  /** Sends to one leader. @returns what kept a batch from being stored but may pass */
  const sendTo = async (address: string, heads: readonly SealedBatch[]): Promise<AppError | null> => {
    const timeoutMs = Math.max(1, Math.min(brokerTimeoutMs, deadlineMs - clock.nowMs()))
    const connection = await pool.to(address)
    const answer = await connection.call(
      produce,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs,
        topics: [
          {
            name: topic,
            partitions: heads.map(({ partition, bytes }) => ({ index: partition, records: bytes })),
          },
        ],
      },
      { timeoutMs },
    )
    const answers = new Map(answer.topics[0]?.partitions.map((found) => [found.index, found]))
    let obstacle: AppError | null = null
    for (const head of heads) {
      const error = errorOf(answers.get(head.partition), topic)
      if (error === null) settle(head, answers.get(head.partition)?.baseOffset ?? -1)
      else if (error.remedy === 'retry') obstacle = error
      else throw error
    }
    return obstacle
  }
  const round = async (): Promise<AppError | null> => {
    const leaders = await cluster.leaders(topic)
    let obstacle: AppError | null = null
    const byLeader = new Map<string, SealedBatch[]>()
    for (const [partition, [head]] of queues) {
      const address = leaders.get(partition) ?? null
      if (address === null)
        obstacle = new BrokerUnavailable(`partition ${partition} of ${topic} has no leader`)
      else if (head) byLeader.set(address, [...(byLeader.get(address) ?? []), head])
    }
    const sends = [...byLeader].map(([address, heads]) =>
      sendTo(address, withinBytes(heads, maxRequestBytes)).catch(onlyPassing),
    )
    // All of them have ended before the next round: nothing is sent twice at the same time.
    for (const outcome of await Promise.allSettled(sends)) {
      if (outcome.status === 'rejected') throw outcome.reason
      obstacle = outcome.value ?? obstacle
    }
    return obstacle
  }

  while (queues.size > 0) {
    const obstacle = await round()
      .catch(onlyPassing)
      .catch((error: unknown) => {
        throw givenUp(topic, error)
      })
    if (obstacle === null) {
      failedRounds = 0
      continue
    }
    cluster.forgetLeaders(topic)
    if (signal.aborted) throw new PublishFailed(topic, 'the publisher was closed', { cause: obstacle })
    const leftMs = deadlineMs - clock.nowMs()
    if (leftMs <= 0) {
      const why = `not acknowledged within ${deliveryTimeoutMs} ms (${obstacle.message})`
      throw new PublishFailed(topic, why, { cause: obstacle })
    }
    const waitMs = backoffMs(failedRounds++, { maxMs: maxBackoffMs })
    await clock.sleep(Math.min(waitMs, leftMs), signal)
  }
  return delivered
}

/** The broker's memory of this producer is gone or says otherwise: a new producer may go on. */
const lostProducerErrors = new Set<string>([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'UNKNOWN_PRODUCER_ID',
  'PRODUCER_FENCED',
] satisfies KafkaErrorName[])

function givenUp(topic: string, cause: unknown): PublishFailed {
  if (!(cause instanceof AppError)) return new PublishFailed(topic, 'an unexpected error', { cause })
  const isLost = cause instanceof KafkaError && lostProducerErrors.has(cause.kafkaError)
  return new PublishFailed(topic, cause.message, { cause, remedy: isLost ? 'retry' : 'stop' })
}

function onlyPassing(error: unknown): AppError {
  if (error instanceof AppError && error.remedy === 'retry') return error
  throw error
}

function errorOf(answer: PartitionAnswer | undefined, topic: string): AppError | null {
  if (!answer) return new BrokerUnavailable(`a broker left a partition of ${topic} out of its answer`)
  if (answer.errorCode === kafkaError.NONE) return null
  const detail = answer.errorMessage ? ` (${answer.errorMessage})` : ''
  return new KafkaError(`partition ${answer.index} of ${topic}${detail}`, answer.errorCode)
}

/** At least one, whatever its size: its partition would wait for ever otherwise. */
function withinBytes(batches: readonly SealedBatch[], maxBytes: number): SealedBatch[] {
  let bytes = 0
  return batches.filter((batch, index) => {
    bytes += batch.bytes.length
    return index === 0 || bytes <= maxBytes
  })
}
