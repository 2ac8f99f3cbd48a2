import { createRecordCursor, type KafkaClient } from '../../broker/index.ts'
import { createEventDecoder } from '../../events/index.ts'
import { readRange } from '../../producers/read-range.ts'
import { plainSettings } from '../fixtures/events.ts'

/** An event on the topic whose id is `object#line`. */
export interface StoredEvent {
  partition: number
  object: string
  line: number
}

const decoder = createEventDecoder(plainSettings)

/** All of the topic, read back and decoded, in order within each partition. */
export async function storedEvents(client: KafkaClient, topic: string): Promise<StoredEvent[]> {
  const stored: StoredEvent[] = []
  const cursor = createRecordCursor()
  const partitions = await client.partitions(topic)
  const from = await client.listOffsets(topic, partitions, 'earliest')
  const to = await client.listOffsets(topic, partitions, 'latest')
  const { signal } = new AbortController()
  await readRange({ client, topic, from, to, signal, isolation: 'read_committed' }, (batch, partition) => {
    cursor.reset(batch)
    while (cursor.next()) {
      const parsed = decoder.decode(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd), '', -1)
      if (parsed.kind !== 'event') throw new Error(parsed.message)
      const [object = '', line = ''] = parsed.event.eventId.split('#')
      stored.push({ partition, object, line: Number(line) })
    }
  })
  return stored
}

/** The first event that does not come after all others of its object and partition, or null. */
export function firstOutOfOrder(stored: readonly StoredEvent[]): StoredEvent | null {
  const last = new Map<string, number>()
  for (const event of stored) {
    const place = `${event.partition} ${event.object}`
    if (event.line <= (last.get(place) ?? 0)) return event
    last.set(place, event.line)
  }
  return null
}
