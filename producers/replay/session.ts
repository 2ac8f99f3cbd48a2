import {
  createDeadLetters,
  deadLetterTopic,
  type KafkaClient,
  type Publisher,
  replayLedgerTopic,
} from '../../broker/index.ts'
import type { EventParser } from '../../events/index.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/log.ts'
import { ObjectNotFound, type ObjectStore } from '../../storage/index.ts'
import { createLinePublisher } from '../line-publisher.ts'
import type { ProgressBar } from '../progress-bar.ts'
import { createAlreadySent } from './already-sent.ts'
import { openLedger } from './ledger.ts'
import type { LedgerState } from './ledger-state.ts'
import type { ReplayWork } from './plan.ts'
import { observeSending, type Reconciliation, reconcile } from './reconcile.ts'
import { type ObjectOutcome, replayObject } from './replay-object.ts'

export interface SessionParts {
  store: ObjectStore
  client: KafkaClient
  /** A new idempotent producer for the topic. */
  openPublisher(topic: string): Promise<Publisher>
  parser: EventParser
  progress: ProgressBar
  log: Logger
  clock: Clock
  /** Stops in the middle of an object, at a line that the next replay goes on from. */
  signal: AbortSignal
}

export interface SessionOptions {
  topic: string
  encoding: 'avro' | 'json'
  /** All settings that decide which event a line becomes, as text. */
  parsing: string
  maxLineBytes: number
  checkpointLines: number
}

/** One set of producers and what they know. After any error it is of no use but to be closed. */
export interface ReplaySession {
  readonly ledger: LedgerState
  replay(work: ReplayWork): Promise<WorkOutcome>
  /** The last object's entry is in the ledger topic when this returns. */
  flushLedger(): Promise<void>
  close(): Promise<void>
}

export type WorkOutcome =
  | ObjectOutcome
  /** Deleted since it was listed. */
  | { kind: 'gone' }
  /** Which of its lines are in the topic cannot be told: left alone. */
  | { kind: 'uncertain'; why: Exclude<Reconciliation, { kind: 'known' }> }

/** For what is under way when a stop is asked for. */
const stopGraceMs = 5_000

/** Producers come first: once transactions fence the old replayer, its ledger entries must be settled before the read. */
export async function openSession(parts: SessionParts, options: SessionOptions): Promise<ReplaySession> {
  const { client, log, signal } = parts
  const { topic, encoding, maxLineBytes, checkpointLines } = options
  const publishers: Publisher[] = []
  // With the broker away, a stop would otherwise wait for as long as deliveries are retried. What is then unknown is
  // told by the log at the next start.
  const closed = new AbortController()
  const giveUp = (): void => void parts.clock.sleep(stopGraceMs, closed.signal).then(closeAll)
  signal.addEventListener('abort', giveUp, { once: true })
  const close = async (): Promise<void> => {
    closed.abort()
    signal.removeEventListener('abort', giveUp)
    await closeAll()
  }
  async function closeAll(): Promise<void> {
    // A producer that failed fails again here, and there is nothing left to do with it.
    for (const publisher of publishers) await publisher.close().catch(() => {})
  }
  const open = async (name: string): Promise<Publisher> => {
    const publisher = await parts.openPublisher(name)
    publishers.push(publisher)
    return publisher
  }

  try {
    const publisher = await open(topic)
    const deadLetters = createDeadLetters(await open(deadLetterTopic(topic)))
    const ledgerPublisher = await open(replayLedgerTopic)
    const ledger = await openLedger(topic, { client, log, signal, publisher: ledgerPublisher })
    const partitions = await client.partitions(topic)
    const endOffsets = await client.listOffsets(topic, partitions, 'latest')
    const alreadySent = createAlreadySent()
    const lines = createLinePublisher(
      { publisher, deadLetters, parser: parts.parser, clock: parts.clock },
      { encoding, stage: 'replay', partitions: partitions.length, skip: alreadySent.skip },
    )
    const parsing = `${options.parsing} encoding=${encoding} partitions=${partitions.length}`
    const { producerId } = publisher.identity
    const objectParts = { ...parts, ledger, lines, alreadySent }
    const objectOptions = {
      topic,
      maxLineBytes,
      checkpointLines,
      sender: { producerId, parsing, endOffsets },
    }

    return {
      ledger: ledger.state,
      flushLedger: ledger.flush,
      close,
      async replay(work) {
        const reconciliation = await lookForSent(work)
        if (reconciliation.kind !== 'known') return { kind: 'uncertain', why: reconciliation }
        alreadySent.begin(reconciliation.alreadySent)
        try {
          return await replayObject(work, objectParts, objectOptions)
        } catch (error) {
          if (error instanceof ObjectNotFound) return { kind: 'gone' }
          throw error
        }
      },
    }

    async function lookForSent({ sending }: ReplayWork): Promise<Reconciliation> {
      if (sending === null) return { kind: 'known', alreadySent: new Map() }
      const observed = await observeSending({ client, topic, signal }, sending)
      return reconcile(sending, observed, parsing)
    }
  } catch (error) {
    await close()
    throw error
  }
}
