import { InvalidProducerEpoch, OutOfOrderSequence } from './errors.ts'

/** What a batch says of its producer. */
export interface ProducerBatch {
  producerId: number
  producerEpoch: number
  /** -1 in a control batch. */
  baseSequence: number
  lastOffsetDelta: number
  isControl: boolean
}

export interface FirstAppend {
  baseOffset: number
  logAppendTimeMs: number
}

/**
 * Who wrote what here lately, so that a batch sent twice is stored once (KIP-98). The window is the last five batches
 * of each producer, which is the most a client may have in flight. Pure: rebuilt by registering the log's batches again.
 */
export interface ProducerStates {
  /**
   * @returns where the same batch went the first time, or null if it is new and may be appended
   * @throws {OutOfOrderSequence} @throws {InvalidProducerEpoch}
   */
  check(batch: ProducerBatch): FirstAppend | null
  /** Must follow `check` in the same tick, so that a pipelined second batch is checked against this one. */
  register(batch: ProducerBatch, appended: FirstAppend, nowMs: number): void
  /** Forgets producers not seen since then. */
  expire(lastSeenBeforeMs: number): void
  /** What was known from the batches below an offset: later ones may be queued, and may never reach the disk. */
  snapshot(belowOffset: number): ProducerSnapshot[]
}

export interface ProducerSnapshot {
  producerId: number
  epoch: number
  /** The first offset written under this epoch. */
  epochOffset: number
  lastSeenMs: number
  recent: RecentBatch[]
}

export interface RecentBatch extends FirstAppend {
  firstSequence: number
  lastSequence: number
}

const window = 5
const sequenceBits = 0x7fffffff

export function createProducerStates(known: readonly ProducerSnapshot[] = []): ProducerStates {
  const producers = new Map(known.map((one) => [one.producerId, { ...one, recent: [...one.recent] }]))

  return {
    check(batch) {
      const producer = producers.get(batch.producerId)
      if (producer === undefined) return null
      if (batch.producerEpoch < producer.epoch) throw new InvalidProducerEpoch(batch.producerId)
      if (batch.producerEpoch > producer.epoch) {
        if (batch.baseSequence !== 0) throw new OutOfOrderSequence(batch.producerId)
        return null
      }
      const lastSequence = lastSequenceOf(batch)
      const twin = producer.recent.find(
        (one) => one.firstSequence === batch.baseSequence && one.lastSequence === lastSequence,
      )
      if (twin) return { baseOffset: twin.baseOffset, logAppendTimeMs: twin.logAppendTimeMs }
      const last = producer.recent.at(-1)
      if (last && batch.baseSequence !== ((last.lastSequence + 1) & sequenceBits)) {
        throw new OutOfOrderSequence(batch.producerId)
      }
      return null
    },

    register(batch, appended, nowMs) {
      const { producerId, producerEpoch: epoch } = batch
      const known = producers.get(producerId)
      const producer =
        known && known.epoch >= epoch
          ? known
          : { producerId, epoch, epochOffset: appended.baseOffset, lastSeenMs: nowMs, recent: [] }
      producer.lastSeenMs = nowMs
      if (!batch.isControl) {
        if (producer.recent.length === window) producer.recent.shift()
        const { baseOffset, logAppendTimeMs } = appended
        const lastSequence = lastSequenceOf(batch)
        producer.recent.push({ firstSequence: batch.baseSequence, lastSequence, baseOffset, logAppendTimeMs })
      }
      producers.set(producerId, producer)
    },

    expire(lastSeenBeforeMs) {
      for (const [id, producer] of producers) {
        if (producer.lastSeenMs < lastSeenBeforeMs) producers.delete(id)
      }
    },

    snapshot: (belowOffset) =>
      [...producers.values()]
        .filter((producer) => producer.epochOffset < belowOffset)
        .map((producer) => ({
          ...producer,
          recent: producer.recent.filter((one) => one.baseOffset < belowOffset),
        })),
  }
}

function lastSequenceOf(batch: ProducerBatch): number {
  // 2^31 - 1 is followed by 0; the sum stays a safe integer, but `&` alone would see only its low 32 bits, which do.
  return (batch.baseSequence + batch.lastOffsetDelta) & sequenceBits
}
