import type { KafkaClient, RecordBatch } from '../broker/index.ts'
import { type Clock, systemClock } from '../runtime/clock.ts'
import { SetupError } from '../runtime/errors.ts'

export interface ReadRange {
  client: KafkaClient
  topic: string
  /** First offset wanted, per partition. */
  from: ReadonlyMap<number, number>
  /** End of the range, per partition: the offset after the last one wanted. */
  to: ReadonlyMap<number, number>
  isolation: 'read_committed' | 'read_uncommitted'
  signal: AbortSignal
  clock?: Clock
}

const maxBytes = 8 * 1024 * 1024
const retryMs = 200

/**
 * Hands over every batch that holds a record of the range; its first and last records may lie outside. Throws the
 * signal's reason when it aborts: half a range is of no use.
 * @throws {SetupError} when the log no longer has the range
 */
export async function readRange(
  { client, topic, from, to, isolation, signal, clock = systemClock }: ReadRange,
  onBatch: (batch: RecordBatch, partition: number) => void,
): Promise<void> {
  const positions = new Map([...from].filter(([partition, offset]) => offset < (to.get(partition) ?? 0)))
  if (positions.size === 0) return
  const reader = client.openReader({ topic, maxBytes, maxWaitMs: 500, isolation })
  try {
    while (positions.size > 0) {
      signal.throwIfAborted()
      for (const fetched of await reader.fetch(positions)) {
        const { partition } = fetched
        const end = to.get(partition) ?? 0
        switch (fetched.kind) {
          case 'records':
            for (const batch of fetched.batches) if (batch.baseOffset < end) onBatch(batch, partition)
            if (fetched.nextOffset >= end) positions.delete(partition)
            else positions.set(partition, fetched.nextOffset)
            break
          case 'unavailable':
            if (fetched.error.remedy !== 'retry') throw fetched.error
            await clock.sleep(retryMs, signal)
            break
          case 'out_of_range':
            throw new SetupError(
              `partition ${partition} of ${topic} lost offset ${positions.get(partition)} while it was read: start again`,
            )
          default:
            throw new Error(`unknown answer ${fetched satisfies never}`)
        }
      }
    }
  } finally {
    await reader.close()
  }
}
