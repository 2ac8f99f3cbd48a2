import { z } from 'zod'
import type { CommittedOffset } from './committed-offsets.ts'

/**
 * What the state log says: topics, committed offsets, group generations, producer ids. Every record sets, none adds,
 * so replaying one twice changes nothing and a compacted log is just the records of `stateRecords`. Pure.
 */
export interface StoredState {
  topics: Map<string, StoredTopic>
  groups: Map<string, MutableGroup>
  /** Ids below this one may have been given away. */
  nextProducerId: number
}

export interface StoredTopic {
  partitions: number
  config: Record<string, string>
  /** Where DeleteRecords moved the start of a partition to. */
  logStarts: Map<number, number>
}

interface MutableGroup {
  generation: number
  offsets: Map<string, Map<number, CommittedOffset>>
}

// Offsets may be any i64, so z.number() and not z.int(), which refuses those above 2^53.
const offsetRow = z.tuple([z.string(), z.int(), z.number(), z.int(), z.string()])
const stateRecord = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('topic'),
    topic: z.string(),
    partitions: z.int(),
    config: z.record(z.string(), z.string()),
  }),
  z.object({ kind: z.literal('topic_deleted'), topic: z.string() }),
  z.object({ kind: z.literal('log_start'), topic: z.string(), partition: z.int(), offset: z.int() }),
  z.object({
    kind: z.literal('offsets'),
    group: z.string(),
    committedMs: z.number(),
    /** topic, partition, offset, leader epoch, metadata */
    rows: z.array(offsetRow),
  }),
  z.object({
    kind: z.literal('offsets_deleted'),
    group: z.string(),
    rows: z.array(z.tuple([z.string(), z.int()])),
  }),
  z.object({ kind: z.literal('generation'), group: z.string(), generation: z.int() }),
  z.object({ kind: z.literal('group_deleted'), group: z.string() }),
  z.object({ kind: z.literal('producer_ids'), next: z.int() }),
])
export type StateRecord = z.infer<typeof stateRecord>

export function createStoredState(): StoredState {
  return { topics: new Map(), groups: new Map(), nextProducerId: 0 }
}

export function encodeStateRecord(record: StateRecord): Buffer {
  return Buffer.from(JSON.stringify(record))
}

/** @returns null for a record this version does not know */
export function decodeStateRecord(payload: Buffer): StateRecord | null {
  try {
    return stateRecord.safeParse(JSON.parse(payload.toString())).data ?? null
  } catch {
    return null // not JSON
  }
}

export function applyRecord(state: StoredState, record: StateRecord): void {
  switch (record.kind) {
    case 'topic': {
      const logStarts = state.topics.get(record.topic)?.logStarts ?? new Map()
      state.topics.set(record.topic, { partitions: record.partitions, config: record.config, logStarts })
      return
    }
    case 'topic_deleted':
      state.topics.delete(record.topic)
      for (const group of state.groups.values()) group.offsets.delete(record.topic)
      return
    case 'log_start':
      state.topics.get(record.topic)?.logStarts.set(record.partition, record.offset)
      return
    case 'offsets':
      applyOffsets(state, record)
      return
    case 'offsets_deleted':
      for (const [topic, partition] of record.rows) {
        state.groups.get(record.group)?.offsets.get(topic)?.delete(partition)
      }
      return
    case 'generation':
      groupOf(state, record.group).generation = record.generation
      return
    case 'group_deleted':
      state.groups.delete(record.group)
      return
    case 'producer_ids':
      state.nextProducerId = Math.max(state.nextProducerId, record.next)
      return
    default:
      record satisfies never
  }
}

/** The fewest records that say the same. */
export function stateRecords(state: StoredState): StateRecord[] {
  const records: StateRecord[] = [{ kind: 'producer_ids', next: state.nextProducerId }]
  for (const [topic, { partitions, config, logStarts }] of state.topics) {
    records.push({ kind: 'topic', topic, partitions, config })
    for (const [partition, offset] of logStarts) records.push({ kind: 'log_start', topic, partition, offset })
  }
  for (const [group, { generation, offsets }] of state.groups) {
    records.push({ kind: 'generation', group, generation })
    for (const [committedMs, rows] of rowsByTime(offsets)) {
      records.push({ kind: 'offsets', group, committedMs, rows })
    }
  }
  return records
}

type OffsetRow = z.infer<typeof offsetRow>

function applyOffsets(state: StoredState, record: Extract<StateRecord, { kind: 'offsets' }>): void {
  const group = groupOf(state, record.group)
  for (const [topic, partition, offset, leaderEpoch, metadata] of record.rows) {
    // A commit may arrive just after its topic was deleted; it must not come back to life with a new topic.
    if (!state.topics.has(topic)) continue
    const partitions = group.offsets.get(topic) ?? new Map<number, CommittedOffset>()
    partitions.set(partition, { offset, leaderEpoch, metadata, committedMs: record.committedMs })
    group.offsets.set(topic, partitions)
  }
}

function groupOf(state: StoredState, id: string): MutableGroup {
  const group = state.groups.get(id) ?? { generation: 0, offsets: new Map() }
  state.groups.set(id, group)
  return group
}

function rowsByTime(offsets: MutableGroup['offsets']): Map<number, OffsetRow[]> {
  const byTime = new Map<number, OffsetRow[]>()
  for (const [topic, partitions] of offsets) {
    for (const [partition, { offset, leaderEpoch, metadata, committedMs }] of partitions) {
      const rows = byTime.get(committedMs) ?? []
      rows.push([topic, partition, offset, leaderEpoch, metadata])
      byTime.set(committedMs, rows)
    }
  }
  return byTime
}
