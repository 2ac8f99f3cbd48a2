/**
 * The events of the topic as lines of JSON, for people and pipes. It belongs to no consumer group: it commits nothing,
 * and takes nothing from the processors.
 */
import {
  createRecordCursor,
  type FetchedPartition,
  type KafkaClient,
  type RecordBatch,
} from '../broker/index.ts'
import type { Event, EventDecoder } from '../events/index.ts'
import type { Clock } from '../runtime/clock.ts'
import { SetupError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'

export interface ConsumeParts {
  client: KafkaClient
  decoder: EventDecoder
  /** Resolves when more may be written: a slow reader of the lines slows the reading of the topic. */
  write(lines: string): Promise<void>
  log: Logger
  clock: Clock
  signal: AbortSignal
}

export interface ConsumeOptions {
  topic: string
  /** Begin at the oldest record; else with the next one to come. */
  fromBeginning: boolean
  /** All unless told. */
  partition?: number
  /** Begin here; only with a partition. */
  offset?: number
  /** No limit unless told. */
  maxMessages?: number
}

const maxBytes = 4 * 1024 * 1024
const linesPerWrite = 500
const retryMs = 500

/** Follows the topic until the signal or the limit. @returns how many records were written */
export async function consume(parts: ConsumeParts, options: ConsumeOptions): Promise<number> {
  const { client, decoder, write, log, clock, signal } = parts
  const { topic, maxMessages = Number.POSITIVE_INFINITY } = options
  const positions = await startPositions(client, options)
  const reader = client.openReader({ topic, maxBytes, maxWaitMs: 500, isolation: 'read_committed' })
  const closeReader = (): void => void reader.close()
  signal.addEventListener('abort', closeReader, { once: true })
  const cursor = createRecordCursor()
  let written = 0
  let lines: string[] = []
  try {
    while (!signal.aborted && written < maxMessages) {
      for (const fetched of await reader.fetch(positions)) await take(fetched)
    }
    return written
  } catch (error) {
    if (signal.aborted) return written
    throw error
  } finally {
    signal.removeEventListener('abort', closeReader)
    await reader.close()
  }

  async function take(fetched: FetchedPartition): Promise<void> {
    const { partition } = fetched
    switch (fetched.kind) {
      case 'records':
        for (const batch of fetched.batches) await print(batch, partition)
        await writeLines()
        positions.set(partition, fetched.nextOffset)
        return
      case 'unavailable':
        if (fetched.error.remedy !== 'retry') throw fetched.error
        log.debug('partition is not available', { partition, error: fetched.error })
        await clock.sleep(retryMs, signal)
        return
      case 'out_of_range':
        await goToOldest(partition)
        return
      default:
        throw new Error(`unknown answer ${fetched satisfies never}`)
    }
  }

  async function print(batch: RecordBatch, partition: number): Promise<void> {
    cursor.reset(batch)
    const position = positions.get(partition) ?? 0
    while (written < maxMessages && !signal.aborted && cursor.next()) {
      if (cursor.offset < position) continue
      const { offset, timestampMs, buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
      const key = keyStart < 0 ? null : buffer.toString('utf8', keyStart, keyEnd)
      const value = valueStart < 0 ? null : buffer.subarray(valueStart, valueEnd)
      const parsed = decoder.decode(value, `${topic}/${partition}/${offset}`, timestampMs)
      const timestamp = timestampMs < 0 ? null : new Date(timestampMs).toISOString()
      const record = { topic, partition, offset, timestamp, key }
      const content =
        parsed.kind === 'event'
          ? { event: wireEvent(parsed.event) }
          : { rejected: { reason: parsed.reason, message: parsed.message } }
      lines.push(JSON.stringify({ ...record, ...content }))
      written++
      if (lines.length >= linesPerWrite) await writeLines()
    }
  }

  async function writeLines(): Promise<void> {
    if (lines.length === 0) return
    const text = `${lines.join('\n')}\n`
    lines = []
    await write(text)
  }

  /** Retention overtook a slow reader. */
  async function goToOldest(partition: number): Promise<void> {
    const oldest = (await client.listOffsets(topic, [partition], 'earliest')).get(partition) ?? 0
    log.warn('records expired before they were read', {
      partition,
      from: positions.get(partition),
      to: oldest,
    })
    positions.set(partition, oldest)
  }
}

/** @throws {SetupError} for a partition or offset that the topic does not have */
async function startPositions(client: KafkaClient, options: ConsumeOptions): Promise<Map<number, number>> {
  const { topic, fromBeginning, partition, offset } = options
  const all = await client.partitions(topic)
  if (partition === undefined) {
    if (offset !== undefined) throw new SetupError('an offset is of one partition: give --partition too')
    return client.listOffsets(topic, all, fromBeginning ? 'earliest' : 'latest')
  }
  if (!all.includes(partition)) {
    throw new SetupError(`${topic} has no partition ${partition}: it has ${all.join(', ')}`)
  }
  if (offset === undefined)
    return client.listOffsets(topic, [partition], fromBeginning ? 'earliest' : 'latest')
  const oldest = (await client.listOffsets(topic, [partition], 'earliest')).get(partition) ?? 0
  const end = (await client.listOffsets(topic, [partition], 'latest')).get(partition) ?? 0
  if (offset < oldest || offset > end) {
    throw new SetupError(
      `partition ${partition} of ${topic} has no offset ${offset}: give one of ${oldest} to ${end}`,
    )
  }
  return new Map([[partition, offset]])
}

function wireEvent(event: Event): Record<string, unknown> {
  const { eventId, eventType, timestampMs, userId, value, properties } = event
  return {
    event_id: eventId,
    event_type: eventType,
    timestamp: new Date(timestampMs).toISOString(),
    user_id: userId,
    value,
    properties: properties === null ? null : JSON.parse(properties),
  }
}
