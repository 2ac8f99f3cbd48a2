/**
 * FLUSH: what was read since the last flush becomes part of the table, in the order that is law (D2):
 *
 *   dead letters acknowledged -> files uploaded -> table commit (positions inside) -> Kafka commit
 *
 * The table commit is a compare-and-swap per partition, judged anew on every rebase. When some partitions are lost to
 * another owner, their buffers are dropped and the rest is flushed again with new files. A crash anywhere repeats
 * work and counts nothing twice: until the table commit nothing counted, after it the position has moved.
 */
import type { DeadLetter, KafkaClient } from '../broker/index.ts'
import type { Clock } from '../runtime/clock.ts'
import { errorMessage } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { Table, TableRows } from '../table/index.ts'
import { type ProgressKey, progressActions } from '../table/index.ts'
import { encodeCheckpoint, shortTableId } from './checkpoint.ts'
import type { ClaimedCommit } from './claims.ts'
import { commitClaimed } from './claims.ts'
import type { DeadLetterOutbox } from './dead-letter-outbox.ts'
import { isFenced } from './fencing.ts'
import { mergeRows } from './merge-rows.ts'
import type { Tenure } from './tenure.ts'
import { whileHeld } from './while-held.ts'

/** What one partition gathered over the offsets `[lo, hi)`; taken out of its buffer, so reading goes on meanwhile. */
export interface SealedPartition {
  partition: number
  epoch: number
  /** The table's position when this buffer began. */
  lo: number
  hi: number
  rows: TableRows
  watermarkAtLoMs: number | null
  watermarkAtHiMs: number | null
  deadLetters: readonly DeadLetter[]
}

/** Named for tests that stop the world between two of them. */
export type FlushStep =
  | 'flush_begun'
  | 'flush_dead_letters_sent'
  | 'flush_files_uploaded'
  | 'flush_table_committed'
  | 'flush_kafka_committed'

export interface FlushParts {
  kafka: Pick<KafkaClient, 'commitOffsets'>
  table: Pick<Table, 'snapshot' | 'writeFiles' | 'commit'>
  deadLetters: Pick<DeadLetterOutbox, 'send'>
  clock: Clock
  log: Logger
  onStep?: (step: FlushStep) => void | Promise<void>
}

export type FlushResult =
  /** `lost` partitions were moved by somebody else: INIT them again. `version` is null when all were lost. */
  | { kind: 'flushed'; version: number | null; lost: number[] }
  /** The tenure is over; the table holds either the whole flush or nothing of it. */
  | { kind: 'ended' }

/**
 * Runs one flush under the tenure that filled the buffers. Waits out a store or a broker that is away, with backoff,
 * for as long as the tenure lasts.
 */
export async function flush(
  parts: FlushParts,
  key: ProgressKey,
  tenure: Tenure,
  sealed: readonly SealedPartition[],
): Promise<FlushResult> {
  const { clock, log, onStep } = parts
  const startedMs = clock.nowMs()
  let held = sealed.filter(({ lo, hi }) => lo < hi)
  const lost: number[] = []
  const flushed = (version: number | null): FlushResult => ({ kind: 'flushed', version, lost })
  if (held.length === 0) return flushed(null)
  await onStep?.('flush_begun')

  await whileHeld(parts, { signal: tenure.signal, doing: 'send dead letters' }, () =>
    parts.deadLetters.send(held.flatMap(({ deadLetters }) => deadLetters)),
  )
  if (tenure.signal.aborted) return { kind: 'ended' }
  await onStep?.('flush_dead_letters_sent')
  for (;;) {
    const result = await publish(parts, key, tenure, held)
    if (result.kind === 'ended') return result
    if (result.kind === 'committed') {
      await onStep?.('flush_table_committed')
      const fenced = !(await mirror(parts, key, tenure, { held, version: result.version }))
      if (fenced) {
        tenure.end()
        return { kind: 'ended' }
      }
      await onStep?.('flush_kafka_committed')
      log.debug('flushed', {
        version: result.version,
        partitions: held.map(({ partition }) => partition),
        rows: held.reduce((sum, { rows }) => sum + rows.length, 0),
        ms: clock.nowMs() - startedMs,
      })
      return flushed(result.version)
    }
    log.warn('partitions were moved by another member, their buffers are dropped', {
      partitions: result.partitions,
    })
    lost.push(...result.partitions)
    held = held.filter(({ partition }) => !result.partitions.includes(partition))
    if (held.length === 0) return flushed(null)
  }
}

async function publish(
  parts: FlushParts,
  key: ProgressKey,
  tenure: Tenure,
  held: readonly SealedPartition[],
): Promise<ClaimedCommit> {
  const { table, onStep } = parts
  const rows = mergeRows(held.map((one) => one.rows))
  const tags = new Map(
    held.map(({ partition, lo, hi, watermarkAtLoMs }) => [
      partition,
      { lo, hi, watermarkAtLo: watermarkAtLoMs },
    ]),
  )
  // Skipped and dead-lettered records move the position and leave no rows.
  const adds =
    rows.length === 0
      ? []
      : await whileHeld(parts, { signal: tenure.signal, doing: 'upload files' }, () =>
          table.writeFiles(rows, tags),
        )
  if (adds === null) return { kind: 'ended' }
  await onStep?.('flush_files_uploaded')
  const progress = held.map(({ partition, hi, watermarkAtHiMs }) => ({
    partition,
    nextOffset: hi,
    watermarkMs: watermarkAtHiMs,
  }))
  const result = await whileHeld(parts, { signal: tenure.signal, doing: 'commit to the table' }, () =>
    commitClaimed(table, {
      key,
      signal: tenure.signal,
      claims: held.map(({ partition, lo, epoch }) => ({ partition, nextOffset: lo, epoch })),
      actions: [...adds, ...progressActions(key, progress)],
      info: {
        operation: 'DATAFLOW FLUSH',
        member: tenure.memberId,
        generation: tenure.generationId,
        ranges: Object.fromEntries(held.map(({ partition, lo, hi }) => [partition, [lo, hi]])),
        gaps: [],
      },
    }),
  )
  return result ?? { kind: 'ended' }
}

/**
 * The checkpoint that people and lag tools see: one attempt, under the generation that filled the buffers. A later
 * attempt could land under a later generation and wipe out a person's reset, so a failure is left to the next flush.
 * @returns false when the group says that the tenure is over
 */
async function mirror(
  { kafka, table, log }: FlushParts,
  { group, topic }: ProgressKey,
  { memberId, generationId }: Tenure,
  { held, version }: { held: readonly SealedPartition[]; version: number },
): Promise<boolean> {
  const tableId = shortTableId(table.snapshot().metaData.id)
  const offsets = held.map(({ partition, hi }) => ({
    partition,
    offset: hi,
    metadata: encodeCheckpoint({ tableId, topic, partition, offset: hi, version }),
  }))
  try {
    await kafka.commitOffsets({ group, topic, memberId, generationId, offsets })
    return true
  } catch (error) {
    if (isFenced(error)) return false
    log.warn('kafka commit left to the next flush', { version, error: errorMessage(error) })
    return true
  }
}
