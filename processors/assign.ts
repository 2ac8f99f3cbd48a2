/**
 * INIT, the decision: where a newly assigned partition is read from.
 *
 * The table's own position (`txn`) is the truth; the offset committed to Kafka is its mirror and, when a person moved
 * it, a request. Resuming and going back are both exact, so a wrong guess between them costs work and no data; a skip
 * forward loses data and is therefore never inferred. Whatever cannot be decided safely halts that partition alone.
 * Pure: facts in, decision out. The IO around it is in initialise.ts.
 */
import { isOwnCheckpoint, parseCheckpoint } from './checkpoint.ts'

/** What is known of one partition, read in this order: committed, then position, then the log's ends. */
export interface PartitionFacts {
  partition: number
  /** Next offset and rewind counter by the table; null: the table never read this partition. */
  position: { nextOffset: number; epoch: number } | null
  /** As Kafka stores it; a negative offset is one of the literals that some tools commit: -2 log start, -1 nothing. */
  committed: { offset: number; metadata: string } | null
  logStartOffset: number
  logEndOffset: number
  /** The largest offset in any live row of this partition. */
  maxLastOffset: number | null
}

export interface AssignContext {
  group: string
  topic: string
  tableId: string
  /** The table has a position for some partition of this topic, so one without is new, not a first start. */
  otherPartitionsKnown: boolean
  /** Where a first start without committed offsets begins. */
  startAt: 'earliest' | 'latest'
}

/** Offsets `[from, to)` that are gone for good and were never counted. */
export interface Gap {
  partition: number
  from: number
  to: number
}

export type HaltReason = 'rows_beyond_position' | 'table_lost' | 'log_truncated' | 'backward_reset'

export type Decision =
  /** The table gets its first position for this partition. */
  | {
      kind: 'start'
      partition: number
      offset: number
      because: 'committed' | 'new_partition' | 'first_start'
      gap: Gap | null
    }
  | { kind: 'resume'; partition: number; offset: number; ignoredResetTo: number | null }
  /** Retention removed offsets that were not read yet: go on at the log's start, with the gap on record. */
  | { kind: 'align'; partition: number; offset: number; gap: Gap }
  | { kind: 'halt'; partition: number; reason: HaltReason; message: string }

export function decideAssignment(facts: PartitionFacts, context: AssignContext): Decision {
  const { partition, position, committed, logStartOffset, logEndOffset, maxLastOffset } = facts
  const at = position?.nextOffset ?? null
  if (maxLastOffset !== null && (at === null || maxLastOffset >= at)) {
    return halt(facts, context, 'rows_beyond_position')
  }
  if (at === null) return decideFirstPosition(facts, context)
  if (at > logEndOffset) return halt(facts, context, 'log_truncated')

  const asked = requestedOffset(facts, context)
  // Below the log's start nothing can be read again: such a request means the log's start.
  if (asked !== null && Math.max(asked, logStartOffset) < at) return halt(facts, context, 'backward_reset')
  if (at < logStartOffset) {
    return {
      kind: 'align',
      partition,
      offset: logStartOffset,
      gap: { partition, from: at, to: logStartOffset },
    }
  }
  const ignoredResetTo = asked !== null && asked > at ? (committed?.offset ?? null) : null
  return { kind: 'resume', partition, offset: at, ignoredResetTo }
}

function decideFirstPosition(facts: PartitionFacts, context: AssignContext): Decision {
  const { partition, committed, logStartOffset, logEndOffset } = facts
  // Whichever table it was: some table counted up to there, and this one would count it all again or skip it.
  if (committed !== null && parseCheckpoint(committed.metadata) !== null) {
    return halt(facts, context, 'table_lost')
  }
  const asked = offsetOf(committed, logStartOffset)
  if (asked !== null) {
    const offset = Math.min(Math.max(asked, logStartOffset), logEndOffset)
    const gap = asked < logStartOffset ? { partition, from: asked, to: logStartOffset } : null
    return { kind: 'start', partition, offset, because: 'committed', gap }
  }
  if (context.otherPartitionsKnown) {
    return { kind: 'start', partition, offset: logStartOffset, because: 'new_partition', gap: null }
  }
  const offset = context.startAt === 'earliest' ? logStartOffset : logEndOffset
  return { kind: 'start', partition, offset, because: 'first_start', gap: null }
}

/** The offset that somebody other than this table committed, or null when nobody asks for anything. */
function requestedOffset(facts: PartitionFacts, context: AssignContext): number | null {
  const { partition, committed, logStartOffset } = facts
  if (committed === null) return null
  if (isOwnCheckpoint(committed, { tableId: context.tableId, topic: context.topic, partition })) return null
  return offsetOf(committed, logStartOffset)
}

function offsetOf(committed: PartitionFacts['committed'], logStartOffset: number): number | null {
  if (committed === null) return null
  if (committed.offset === -2) return logStartOffset
  return committed.offset >= 0 ? committed.offset : null
}

function halt(facts: PartitionFacts, context: AssignContext, reason: HaltReason): Decision {
  const { partition } = facts
  return { kind: 'halt', partition, reason, message: haltMessage(facts, context, reason) }
}

function haltMessage(facts: PartitionFacts, context: AssignContext, reason: HaltReason): string {
  const { partition, position, committed, logEndOffset, maxLastOffset } = facts
  const { group, topic } = context
  const name = `partition ${partition} of ${topic}`
  const at = position?.nextOffset ?? 'none'
  switch (reason) {
    case 'rows_beyond_position':
      return `${name}: the table has rows up to offset ${maxLastOffset} but its position is ${at}, so its log was edited or damaged. Nothing more is counted here. Restore the table from a copy, or start a new one with another TABLE_URL and KAFKA_GROUP_ID.`
    case 'table_lost':
      return `${name}: group ${group} was checkpointed at offset ${committed?.offset} by a DataFlow table, but this table never read it. The table was deleted or moved. Point TABLE_URL at the old table, or start a new one with another KAFKA_GROUP_ID.`
    case 'log_truncated':
      return `${name}: the table is at offset ${at} but the log ends at ${logEndOffset}, so the topic was recreated or truncated. Counting on would mix two logs. Restore the topic, or start a new table with another TABLE_URL and KAFKA_GROUP_ID.`
    case 'backward_reset':
      return `${name}: group ${group} was reset back to offset ${committed?.offset} while the table is at ${at}. Going back (rewind) is not available yet; nothing was changed. Undo the reset: stop all processors and run kafka-consumer-groups.sh --bootstrap-server BROKER --group ${group} --topic ${topic}:${partition} --reset-offsets --to-offset ${at} --execute`
    default:
      return reason satisfies never
  }
}
