/**
 * An idempotent producer for one topic on our own codec: records are encoded once, into the batch they are sent in.
 *
 *   add -> [open batch of its partition] -> full, or flush: sealed with the next sequence numbers -> deliver
 *
 * After one failure it is dead: the broker may have stored what it did not acknowledge, and only a new producer id
 * makes sure that no later record is mistaken for it.
 */
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/log.ts'
import {
  type BatchEncoder,
  type Compression,
  createBatchEncoder,
  initProducerId,
  kafkaError,
  partitionOf,
} from '../wire/index.ts'
import { createCluster } from './cluster.ts'
import { type Delivered, deliver, type SealedBatch } from './delivery.ts'
import { KafkaError, PublishFailed, RecordTooLarge } from './errors.ts'
import type { KafkaSettings } from './settings.ts'

export interface OutgoingRecord {
  key: Uint8Array | null
  value: Uint8Array | null
  headers?: readonly (readonly [name: string, value: Uint8Array])[]
  /** Else by the key as Kafka's default partitioner has it; without a key, the same one until the next flush. */
  partition?: number
}

export interface Publisher {
  readonly identity: { producerId: number; producerEpoch: number }
  /**
   * Queues a record, stamped with the time now. The bytes may be reused at once. Nothing bounds the queue but the
   * caller, who flushes by `pendingBytes`.
   * @returns the partition
   * @throws {RecordTooLarge} nothing is queued, and others may follow
   * @throws {PublishFailed} once a flush has failed
   */
  add(record: OutgoingRecord): number
  /** Of what no flush has taken yet. */
  readonly pendingBytes: number
  readonly pendingRecords: number
  /**
   * Sends what is queued; records may be added meanwhile, for the next flush. Flushes run one after the other.
   * Resolves once all in-sync replicas have it, with the batches in order within each partition.
   * @throws {PublishFailed}
   */
  flush(): Promise<Delivered[]>
  /** Drops what was not flushed. */
  close(): Promise<void>
}

export interface PublisherOptions {
  topic: string
  /** How long a flush keeps trying. Default 120 s. */
  deliveryTimeoutMs?: number
  /** Default none. */
  compression?: Compression
  /** Must not be above the topic's max.message.bytes, by default 1,048,588. */
  maxBatchBytes?: number
  log: Logger
  clock: Clock
}

interface PartitionState {
  open: BatchEncoder
  nextSequence: number
}

const batchHeaderBytes = 61
/** More than all the lengths, deltas and counts around a record's key and value. */
const recordOverheadBytes = 40
const headerOverheadBytes = 10
const noHeaders: NonNullable<OutgoingRecord['headers']> = []
const maxSequence = 2 ** 31

/** Asks for a producer id of its own. @throws {TopicMissing} */
export async function createPublisher(
  settings: KafkaSettings,
  options: PublisherOptions,
): Promise<Publisher> {
  const {
    topic,
    deliveryTimeoutMs = 120_000,
    compression = 'none',
    maxBatchBytes = 1_048_576,
    log,
    clock,
  } = options
  const cluster = createCluster(settings, { log, clock })
  const pool = cluster.openPool()
  const partitions = new Map<number, PartitionState>()
  let sealed: SealedBatch[] = []
  let sealedBytes = 0
  let pendingRecords = 0
  let openBytes = 0
  let stickyPartition = 0
  let failure: PublishFailed | null = null
  let tail: Promise<unknown> = Promise.resolve()

  const closing = new AbortController()

  const close = async (): Promise<void> => {
    closing.abort()
    failure ??= new PublishFailed(topic, 'the publisher is closed')
    pool.close()
    cluster.close()
  }
  const [partitionCount, identity] = await Promise.all([
    cluster.partitions(topic).then((found) => found.length),
    cluster.retrying(askProducerId),
  ]).catch(async (error: unknown) => {
    await close()
    throw error
  })

  const stateOf = (partition: number): PartitionState => {
    const known = partitions.get(partition)
    if (known) return known
    const state = { open: createBatchEncoder(), nextSequence: 0 }
    partitions.set(partition, state)
    return state
  }
  const seal = (partition: number, state: PartitionState): void => {
    const { recordCount, byteLength } = state.open
    if (recordCount === 0) return
    const bytes = state.open.finish({ ...identity, baseSequence: state.nextSequence, compression })
    state.nextSequence = (state.nextSequence + recordCount) % maxSequence
    sealed.push({ partition, recordCount, bytes })
    sealedBytes += bytes.length
    openBytes -= byteLength - batchHeaderBytes
  }
  const partitionFor = ({ key, partition }: OutgoingRecord): number => {
    if (partition !== undefined) {
      if (partition >= 0 && partition < partitionCount) return partition
      throw new Error(`${topic} has ${partitionCount} partitions, there is no ${partition}`)
    }
    return key === null ? stickyPartition : partitionOf(key, partitionCount)
  }

  return {
    identity,
    get pendingBytes() {
      return sealedBytes + openBytes
    },
    get pendingRecords() {
      return pendingRecords
    },
    add(record) {
      if (failure) throw failure
      const { key, value, headers } = record
      const bytes = upperSizeOf(record)
      if (batchHeaderBytes + bytes > maxBatchBytes)
        throw new RecordTooLarge(bytes, maxBatchBytes - batchHeaderBytes)
      const partition = partitionFor(record)
      const state = stateOf(partition)
      if (state.open.byteLength + bytes > maxBatchBytes) seal(partition, state)
      const before = state.open.byteLength
      state.open.add(clock.nowMs(), key, value, headers)
      openBytes += state.open.byteLength - before
      pendingRecords++
      return partition
    },
    flush() {
      const batches = takeSealed()
      const earlier = tail
      const flushed = (async () => {
        await earlier
        if (failure) throw failure
        return send(batches)
      })()
      // The next flush waits for this one and looks at `failure` itself.
      tail = flushed.catch(() => {})
      return flushed
    },
    close,
  }

  function takeSealed(): SealedBatch[] {
    for (const [partition, state] of partitions) seal(partition, state)
    const taken = sealed
    sealed = []
    sealedBytes = 0
    pendingRecords = 0
    stickyPartition = (stickyPartition + 1) % partitionCount
    return taken
  }

  async function send(batches: SealedBatch[]): Promise<Delivered[]> {
    try {
      return await deliver(
        batches,
        { cluster, pool, clock, signal: closing.signal },
        { topic, deliveryTimeoutMs },
      )
    } catch (error) {
      const failed =
        error instanceof PublishFailed
          ? error
          : new PublishFailed(topic, 'an unexpected error', { cause: error })
      failure ??= failed
      log.warn('publisher failed', { topic, error })
      throw failed
    }
  }

  async function askProducerId(): Promise<Publisher['identity']> {
    const connection = await cluster.any()
    const { errorCode, producerId, producerEpoch } = await connection.call(initProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 0x7fffffff,
      producerId: -1,
      producerEpoch: -1,
    })
    if (errorCode !== kafkaError.NONE) throw new KafkaError('a producer id', errorCode)
    return { producerId, producerEpoch }
  }
}

function upperSizeOf({ key, value, headers = noHeaders }: OutgoingRecord): number {
  let bytes = recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, headerValue] of headers) {
    bytes += headerOverheadBytes + Buffer.byteLength(name) + headerValue.length
  }
  return bytes
}
