import {
  createRecordCursor,
  type FetchedPartition,
  type KafkaClient,
  type Publisher,
  PublishFailed,
  partitionOf,
  type RecordBatch,
} from '../../broker/index.ts'
import { type BatchEncoder, createBatchEncoder, openBatch } from '../../broker/wire/index.ts'

/** A log in memory that does with each send what a test says, and the clients of one process after the other. */
export interface MemoryKafka {
  /** What a process has; after a `killed` send all of it is dead. */
  connect(): { client: KafkaClient; openPublisher(topic: string): Promise<Publisher> }
  records(topic: string): StoredRecord[]
  /** Retention: offsets below are gone. */
  expireBefore(topic: string, partition: number, offset: number): void
  /** Another producer's record, as any Kafka client may send one. */
  addForeign(topic: string, partition: number): void
}

export interface StoredRecord {
  partition: number
  offset: number
  key: string | null
  value: string
  headers: Record<string, string>
}

/** How many of a send's partitions are stored, and what its sender hears of it. */
export interface SendFault {
  storedPartitions: number
  outcome: 'unknown' | 'killed'
}

export interface MemoryKafkaOptions {
  partitions: Readonly<Record<string, number>>
  /** Asked once per send, in order. */
  faults?: (topic: string) => SendFault | null
}

/** What a test throws for kill -9: nothing in the product knows it. */
export class Killed extends Error {}

interface Partition {
  batches: RecordBatch[]
  logStart: number
  end: number
}

export function createMemoryKafka({ partitions, faults = () => null }: MemoryKafkaOptions): MemoryKafka {
  let nextProducerId = 1_000
  const topics = new Map(
    Object.entries(partitions).map(([topic, count]) => [
      topic,
      Array.from({ length: count }, (): Partition => ({ batches: [], logStart: 0, end: 0 })),
    ]),
  )
  const logOf = (topic: string, partition: number): Partition => {
    const log = topics.get(topic)?.[partition]
    if (!log) throw new Error(`no partition ${topic}/${partition}`)
    return log
  }
  const append = (topic: string, partition: number, bytes: Buffer): number => {
    const log = logOf(topic, partition)
    bytes.writeBigInt64BE(BigInt(log.end), 0)
    const batch = openBatch(bytes)
    log.batches.push(batch)
    log.end += batch.recordCount
    return batch.baseOffset
  }

  return {
    connect() {
      const life = { isKilled: false }
      return {
        client: memoryClient(),
        openPublisher: async (topic) => memoryPublisher(topic, life),
      }
    },
    records(topic) {
      const found: StoredRecord[] = []
      topics.get(topic)?.forEach(({ batches }, partition) => {
        for (const batch of batches) found.push(...recordsOf(batch, partition))
      })
      return found
    },
    expireBefore(topic, partition, offset) {
      const log = logOf(topic, partition)
      log.logStart = offset
      log.batches = log.batches.filter((batch) => batch.lastOffset >= offset)
    },
    addForeign(topic, partition) {
      const encoder = createBatchEncoder()
      encoder.add(0, Buffer.from('foreign'), Buffer.from('foreign'))
      append(topic, partition, encoder.finish({ producerId: -1, producerEpoch: -1, baseSequence: -1 }))
    },
  }

  function memoryPublisher(topic: string, life: { isKilled: boolean }): Publisher {
    const identity = { producerId: nextProducerId++, producerEpoch: 0 }
    const pending = new Map<number, BatchEncoder>()
    const count = topics.get(topic)?.length ?? 0
    let isDead = false
    let pendingRecords = 0
    let pendingBytes = 0
    const store = (batches: [number, Buffer, number][]) =>
      batches.map(([partition, bytes, recordCount]) => ({
        partition,
        baseOffset: append(topic, partition, bytes),
        recordCount,
      }))
    return {
      identity,
      get pendingRecords() {
        return pendingRecords
      },
      get pendingBytes() {
        return pendingBytes
      },
      add({ key, value, headers = [], partition }) {
        if (isDead || life.isKilled) throw new Error('a dead publisher was used')
        const target = partition ?? partitionOf(key ?? Buffer.alloc(0), count)
        const encoder = pending.get(target) ?? createBatchEncoder()
        pending.set(target, encoder)
        encoder.add(0, key, value, headers)
        pendingRecords++
        pendingBytes += (key?.length ?? 0) + (value?.length ?? 0)
        return target
      },
      async flush() {
        if (isDead || life.isKilled) throw new Error('a dead publisher was used')
        const batches = [...pending].map(([partition, encoder]): [number, Buffer, number] => {
          const { recordCount } = encoder
          return [partition, encoder.finish({ ...identity, baseSequence: 0 }), recordCount]
        })
        pending.clear()
        pendingRecords = 0
        pendingBytes = 0
        await new Promise((resolve) => setImmediate(resolve))
        const fault = batches.length > 0 ? faults(topic) : null
        if (life.isKilled) throw new Killed()
        if (fault === null) return store(batches)
        store(batches.slice(0, fault.storedPartitions))
        isDead = true
        if (fault.outcome === 'unknown') throw new PublishFailed(topic, 'the test says so')
        life.isKilled = true
        throw new Killed()
      },
      async close() {
        isDead = true
      },
    }
  }

  function memoryClient(): KafkaClient {
    const unused = async (): Promise<never> => {
      throw new Error('not a part of this fake')
    }
    return {
      clusterId: async () => 'memory',
      partitions: async (topic) => [...(topics.get(topic) ?? []).keys()],
      listOffsets: async (topic, wanted, at) =>
        new Map(
          wanted.map((partition) => {
            const { logStart, end } = logOf(topic, partition)
            return [partition, at === 'earliest' ? logStart : end]
          }),
        ),
      committedOffsets: unused,
      commitOffsets: unused,
      close: async () => {},
      openReader: ({ topic }) => ({
        async fetch(positions) {
          await new Promise((resolve) => setImmediate(resolve))
          return [...positions].map(([partition, position]): FetchedPartition => {
            const { batches, logStart, end } = logOf(topic, partition)
            if (position < logStart || position > end) return { kind: 'out_of_range', partition }
            const wanted = batches.filter((batch) => batch.lastOffset >= position).slice(0, 3)
            const nextOffset = (wanted.at(-1)?.lastOffset ?? position - 1) + 1
            const offsets = { highWatermark: end, lastStableOffset: end, logStartOffset: logStart }
            return { kind: 'records', partition, batches: wanted, nextOffset, ...offsets }
          })
        },
        close: async () => {},
      }),
    }
  }
}

function recordsOf(batch: RecordBatch, partition: number): StoredRecord[] {
  const cursor = createRecordCursor()
  cursor.reset(batch)
  const records: StoredRecord[] = []
  while (cursor.next()) {
    const { offset, buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
    records.push({
      partition,
      offset,
      key: keyStart < 0 ? null : buffer.toString('utf8', keyStart, keyEnd),
      value: valueStart < 0 ? '' : buffer.toString('utf8', valueStart, valueEnd),
      headers: Object.fromEntries(cursor.headers().map(([name, value]) => [name, value?.toString() ?? ''])),
    })
  }
  return records
}
