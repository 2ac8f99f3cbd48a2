import {
  createRecordCursor,
  type KafkaClient,
  type Publisher,
  replayLedgerTopic,
} from '../../broker/index.ts'
import type { Logger } from '../../runtime/log.ts'
import { readRange } from '../read-range.ts'
import { encodeLedgerEntry, type LedgerEntry, parseLedgerEntry } from './ledger-entry.ts'
import { createLedgerState, type LedgerState } from './ledger-state.ts'

/** The ledger topic in memory, and the way to add to it. */
export interface Ledger {
  /** Counts every entry added here, acknowledged or not. */
  readonly state: LedgerState
  /** Queues an entry; it is sent with the next flush. */
  add(entry: LedgerEntry): void
  /** @throws PublishFailed: what the topic says is then unknown, and only reading it anew tells */
  flush(): Promise<void>
}

export interface LedgerParts {
  client: KafkaClient
  publisher: Publisher
  log: Logger
  signal: AbortSignal
}

/** Reads the ledger to its end; only entries about `topic` count. */
export async function openLedger(topic: string, parts: LedgerParts): Promise<Ledger> {
  const { client, publisher, log, signal } = parts
  const state = createLedgerState(topic)
  const partitions = await client.partitions(replayLedgerTopic)
  const from = await client.listOffsets(replayLedgerTopic, partitions, 'earliest')
  const to = await client.listOffsets(replayLedgerTopic, partitions, 'latest')
  const cursor = createRecordCursor()
  let foreign = 0
  const range = { client, topic: replayLedgerTopic, from, to, signal, isolation: 'read_committed' as const }
  await readRange(range, (batch) => {
    cursor.reset(batch)
    while (cursor.next()) {
      const hasValue = cursor.valueStart >= 0
      const entry = hasValue
        ? parseLedgerEntry(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd))
        : null
      if (entry === null) foreign++
      else state.apply(entry)
    }
  })
  if (foreign > 0) log.warn('ledger has records that no replayer wrote', { records: foreign })

  return {
    state,
    add(entry) {
      state.apply(entry)
      publisher.add({ key: Buffer.from(entry.object), value: encodeLedgerEntry(entry) })
    },
    async flush() {
      await publisher.flush()
    },
  }
}
