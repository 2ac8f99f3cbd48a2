import { systemClock } from '../runtime/clock.ts'
import { AppError } from '../runtime/errors.ts'
import { type KafkaClient, TopicMissing } from './client/index.ts'
import type { RecordBatch } from './wire/index.ts'

const maxBytes = 4 * 1024 * 1024
const maxWaitMs = 500
const maxFailures = 20
const retryMs = 250

/**
 * Every batch between the topic's start and the end it has now, in order within each partition. A missing topic is
 * empty. Expired records are passed over.
 */
export async function* readToEnd(
  client: KafkaClient,
  topic: string,
): AsyncIterable<{ partition: number; batch: RecordBatch }> {
  const partitions = await client.partitions(topic).catch((error: unknown) => {
    if (error instanceof TopicMissing) return []
    throw error
  })
  const ends = await client.listOffsets(topic, partitions, 'latest')
  const positions = new Map<number, number>()
  const seek = async (partition: number): Promise<void> => {
    const starts = await client.listOffsets(topic, [partition], 'earliest')
    moveTo(partition, starts.get(partition) ?? 0)
  }
  const moveTo = (partition: number, offset: number): void => {
    if (offset < (ends.get(partition) ?? 0)) positions.set(partition, offset)
    else positions.delete(partition)
  }
  for (const partition of partitions) await seek(partition)

  const reader = client.openReader({ topic, maxBytes, maxWaitMs, isolation: 'read_committed' })
  let failures = 0
  try {
    while (positions.size > 0) {
      for (const fetched of await reader.fetch(positions)) {
        const { partition } = fetched
        if (fetched.kind === 'unavailable') {
          const mayPass = fetched.error instanceof AppError && fetched.error.remedy === 'retry'
          if (!mayPass || ++failures > maxFailures) throw fetched.error
          await systemClock.sleep(retryMs)
        } else if (fetched.kind === 'out_of_range') {
          await seek(partition)
        } else {
          failures = 0
          for (const batch of fetched.batches) yield { partition, batch }
          moveTo(partition, fetched.nextOffset)
        }
      }
    }
  } finally {
    await reader.close()
  }
}
