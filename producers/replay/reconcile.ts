/**
 * Goes on exactly where a replayer stopped without a word: killed, or with a send whose outcome it never learned.
 *
 * Its last progress entry gives a line of the object, its producer id, and the end of each partition then:
 *
 *   partition 2   ... x x x | o P o P P o        P: batches of that producer, o: of others
 *                           ^ nextOffsets.get(2)  so the next 3 events for partition 2 are in the topic already
 *
 * The lines of an object always give the same events in the same order, each on the same partition, and one producer's
 * records keep their order in a partition. So counting is enough: of the events beyond the line, the first n of each
 * partition are skipped.
 *
 * This holds while the old replayer is dead and none of its requests is still on the way to the log. A supervisor sees
 * to that on one machine; a transaction, which fences the old replayer, is what makes it certain everywhere.
 */
import type { KafkaClient } from '../../broker/index.ts'
import { readRange } from '../read-range.ts'
import type { Sending } from './ledger-entry.ts'

export interface ObservedPartition {
  /** The oldest offset that the log still has. */
  logStart: number
  /** Records of the sending producer from its nextOffset to the end of the log. */
  records: number
}

export type Reconciliation =
  /** How many events from beyond the point are in the topic, per partition. */
  | { kind: 'known'; alreadySent: ReadonlyMap<number, number> }
  /** Retention has removed part of what would have to be counted. */
  | { kind: 'expired'; partition: number; fromOffset: number; logStart: number }
  /** The lines would not give the same events again. */
  | { kind: 'other_parsing' }

/** Pure. `parsing` is the present one. */
export function reconcile(
  sending: Sending,
  observed: ReadonlyMap<number, ObservedPartition>,
  parsing: string,
): Reconciliation {
  const alreadySent = new Map(sending.alreadySent)
  for (const [partition, fromOffset] of sending.nextOffsets) {
    const { logStart, records } = observed.get(partition) ?? { logStart: 0, records: 0 }
    if (logStart > fromOffset) return { kind: 'expired', partition, fromOffset, logStart }
    if (records > 0) alreadySent.set(partition, (alreadySent.get(partition) ?? 0) + records)
  }
  // With nothing to skip it does not matter that the lines are read in another way now.
  if (alreadySent.size > 0 && parsing !== sending.parsing) return { kind: 'other_parsing' }
  return { kind: 'known', alreadySent }
}

/** Reads the batch headers from where the producer began; only its own batches count. */
export async function observeSending(
  { client, topic, signal }: { client: KafkaClient; topic: string; signal: AbortSignal },
  sending: Sending,
): Promise<Map<number, ObservedPartition>> {
  const partitions = [...sending.nextOffsets.keys()]
  const logStarts = await client.listOffsets(topic, partitions, 'earliest')
  const logEnds = await client.listOffsets(topic, partitions, 'latest')
  const observed = new Map(
    partitions.map((partition) => [partition, { logStart: logStarts.get(partition) ?? 0, records: 0 }]),
  )
  const from = new Map<number, number>()
  for (const [partition, offset] of sending.nextOffsets) {
    from.set(partition, Math.max(offset, logStarts.get(partition) ?? 0))
  }
  await readRange(
    { client, topic, from, to: logEnds, signal, isolation: 'read_uncommitted' },
    (batch, partition) => {
      const seen = observed.get(partition)
      const isOurs = batch.producerId === sending.producerId
      if (seen && isOurs && batch.baseOffset >= (sending.nextOffsets.get(partition) ?? 0)) {
        seen.records += batch.recordCount
      }
    },
  )
  return observed
}
