/**
 * INIT, the IO: before the first fetch, the newly assigned partitions get their positions from the table, with one
 * table commit for those that need one and one Kafka commit for all. What to do is decided in assign.ts.
 */

import type { KafkaClient } from '../broker/index.ts'
import { CommitRejected } from '../broker/index.ts'
import { AppError, errorMessage } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { Snapshot, Table } from '../table/index.ts'
import { type PartitionProgress, type ProgressKey, progressActions, readProgress } from '../table/index.ts'
import type { AssignContext, Decision, PartitionFacts } from './assign.ts'
import { decideAssignment } from './assign.ts'
import { encodeCheckpoint, shortTableId } from './checkpoint.ts'
import { commitClaimed } from './claims.ts'
import { isFenced } from './fencing.ts'
import { maxLastOffsets } from './row-reach.ts'
import type { Tenure } from './tenure.ts'

export interface InitialiseParts {
  kafka: Pick<KafkaClient, 'listOffsets' | 'committedOffsets' | 'commitOffsets'>
  table: Pick<Table, 'refresh' | 'commit'>
  log: Logger
  onStep?: (step: InitialiseStep) => void | Promise<void>
}
/** Named for tests that stop the world between two of them. */
export type InitialiseStep = 'init_facts_read' | 'init_table_committed' | 'init_kafka_committed'

export interface InitialiseOptions extends ProgressKey {
  startAt: 'earliest' | 'latest'
}

type Placed = Exclude<Decision, { kind: 'halt' }>
export type Halted = Extract<Decision, { kind: 'halt' }>
export type Initialised =
  | { kind: 'ready'; positions: PartitionProgress[]; halted: Halted[] }
  /** The partitions are ours no more. */
  | { kind: 'ended' }

/**
 * Positions for `partitions` of a tenure. Nothing may be fetched for a partition that is not among them.
 * @throws {AppError} with remedy `retry` when a part is away: call again while the tenure lasts
 */
export async function initialise(
  parts: InitialiseParts,
  options: InitialiseOptions,
  tenure: Tenure,
  partitions: readonly number[],
): Promise<Initialised> {
  while (!tenure.signal.aborted) {
    const facts = await readFacts(parts, options, partitions)
    await parts.onStep?.('init_facts_read')
    const decisions = facts.partitions.map((one) => decideAssignment(one, facts.context))
    const going = decisions.filter((decision) => decision.kind !== 'halt')

    const version = await commitPositions(parts, options, tenure, { facts, decisions })
    if (version === null) continue
    await parts.onStep?.('init_table_committed')
    if (
      !(await mirrorPositions(parts, options, tenure, { going, version, tableId: facts.context.tableId }))
    ) {
      tenure.end()
      break
    }
    await parts.onStep?.('init_kafka_committed')

    // Since the facts were read, a late flush of the old owner may have landed.
    const progress = readProgress(await parts.table.refresh(), options)
    if (going.some(({ partition, offset }) => progress.get(partition)?.nextOffset !== offset)) continue
    report(parts.log, decisions)
    return {
      kind: 'ready',
      positions: going.flatMap(({ partition }) => progress.get(partition) ?? []),
      halted: decisions.filter((decision) => decision.kind === 'halt'),
    }
  }
  return { kind: 'ended' }
}

interface Facts {
  snapshot: Snapshot
  partitions: PartitionFacts[]
  context: AssignContext
}

async function readFacts(
  { kafka, table }: InitialiseParts,
  { group, topic, startAt }: InitialiseOptions,
  partitions: readonly number[],
): Promise<Facts> {
  // In this order, or other members at work look like damage: a checkpoint is always older than the position it
  // mirrors, and a position never lies beyond the log's end.
  const commits = await kafka.committedOffsets(group, topic)
  const snapshot = await table.refresh()
  const wanted = [...partitions]
  const [starts, ends] = await Promise.all([
    kafka.listOffsets(topic, wanted, 'earliest'),
    kafka.listOffsets(topic, wanted, 'latest'),
  ])
  const progress = readProgress(snapshot, { group, topic })
  const reach = maxLastOffsets(snapshot)
  return {
    snapshot,
    partitions: wanted.map((partition) => ({
      partition,
      position: progress.get(partition) ?? null,
      committed: commits.get(partition) ?? null,
      logStartOffset: offsetIn(starts, topic, partition),
      logEndOffset: offsetIn(ends, topic, partition),
      maxLastOffset: reach.get(partition) ?? null,
    })),
    context: {
      group,
      topic,
      tableId: shortTableId(snapshot.metaData.id),
      otherPartitionsKnown: progress.size > 0,
      startAt,
    },
  }
}

/** One commit for all positions that change. @returns the version that holds them, or null when facts were stale */
async function commitPositions(
  { table }: InitialiseParts,
  key: InitialiseOptions,
  tenure: Tenure,
  { facts, decisions }: { facts: Facts; decisions: readonly Decision[] },
): Promise<number | null> {
  const changes = decisions.filter((decision) => decision.kind === 'start' || decision.kind === 'align')
  if (changes.length === 0) return facts.snapshot.version
  const changed = new Set(changes.map(({ partition }) => partition))
  const result = await commitClaimed(table, {
    key,
    signal: tenure.signal,
    claims: facts.partitions
      .filter(({ partition }) => changed.has(partition))
      .map(({ partition, position }) => ({
        partition,
        nextOffset: position?.nextOffset ?? null,
        epoch: position?.epoch ?? 0,
      })),
    actions: progressActions(
      key,
      changes.map(({ partition, offset }) => ({ partition, nextOffset: offset })),
    ),
    info: {
      operation: 'DATAFLOW INIT',
      member: tenure.memberId,
      positions: Object.fromEntries(changes.map(({ partition, offset }) => [partition, offset])),
      gaps: changes.flatMap(({ gap }) => gap ?? []),
    },
  })
  return result.kind === 'committed' ? result.version : null
}

/** @returns false when the group says that the tenure is over */
async function mirrorPositions(
  { kafka }: InitialiseParts,
  { group, topic }: InitialiseOptions,
  { memberId, generationId }: Tenure,
  { going, version, tableId }: { going: readonly Placed[]; version: number; tableId: string },
): Promise<boolean> {
  if (going.length === 0) return true
  const offsets = going.map(({ partition, offset }) => ({
    partition,
    offset,
    metadata: encodeCheckpoint({ tableId, topic, partition, offset, version }),
  }))
  try {
    await kafka.commitOffsets({ group, topic, memberId, generationId, offsets })
    return true
  } catch (error) {
    if (isFenced(error)) return false
    if (!(error instanceof CommitRejected)) throw error
    // Such as a rebalance in progress: either this passes, or the tenure ends.
    throw new AppError(errorMessage(error), { code: 'CHECKPOINT_REFUSED', remedy: 'retry', cause: error })
  }
}

function report(log: Logger, decisions: readonly Decision[]): void {
  for (const decision of decisions) {
    switch (decision.kind) {
      case 'start':
      case 'align': {
        const { kind, partition, offset, gap } = decision
        log.info('partition placed', { partition, offset, how: kind })
        if (gap) log.warn('offsets are gone and were not counted', { ...gap })
        break
      }
      case 'resume': {
        const { partition, offset, ignoredResetTo } = decision
        log.info('partition resumed', { partition, offset })
        if (ignoredResetTo !== null) {
          log.warn('forward reset ignored: a skip loses events and is a command of its own', {
            partition,
            offset,
            ignoredResetTo,
          })
        }
        break
      }
      case 'halt':
        log.error('partition halted', {
          partition: decision.partition,
          reason: decision.reason,
          detail: decision.message,
        })
        break
      default:
        decision satisfies never
    }
  }
}

function offsetIn(offsets: ReadonlyMap<number, number>, topic: string, partition: number): number {
  const offset = offsets.get(partition)
  if (offset === undefined) throw new Error(`no offset listed for partition ${partition} of ${topic}`)
  return offset
}
