import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  applyRecord,
  createStoredState,
  decodeStateRecord,
  encodeStateRecord,
  type StateRecord,
  type StoredState,
  stateRecords,
} from '../../../../broker/embedded/disk/stored-state.ts'

const topic = fc.constantFrom('clicks', 'views')
const group = fc.constantFrom('a', 'b')
const partition = fc.nat(2)
const record: fc.Arbitrary<StateRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('topic' as const),
    topic,
    partitions: fc.integer({ min: 1, max: 4 }),
    config: fc.constant({ 'retention.ms': '5' }),
  }),
  fc.record({ kind: fc.constant('topic_deleted' as const), topic }),
  fc.record({ kind: fc.constant('log_start' as const), topic, partition, offset: fc.nat(9) }),
  fc.record({
    kind: fc.constant('offsets' as const),
    group,
    committedMs: fc.nat(9),
    rows: fc.array(fc.tuple(topic, partition, fc.integer({ min: -2, max: 9 }), fc.constant(0), fc.string()), {
      maxLength: 3,
    }),
  }),
  fc.record({
    kind: fc.constant('offsets_deleted' as const),
    group,
    rows: fc.array(fc.tuple(topic, partition), { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant('generation' as const), group, generation: fc.nat(9) }),
  fc.record({ kind: fc.constant('group_deleted' as const), group }),
  fc.record({ kind: fc.constant('producer_ids' as const), next: fc.nat(9_000) }),
)

function replayed(records: readonly StateRecord[]): StoredState {
  const state = createStoredState()
  for (const one of records) {
    const decoded = decodeStateRecord(encodeStateRecord(one))
    if (!decoded) throw new Error('a record of ours must decode')
    applyRecord(state, decoded)
  }
  return state
}

/** Without the empty maps that deletions leave behind, which mean nothing. */
function meaning(state: StoredState): unknown {
  const groups = [...state.groups].map(([id, { generation, offsets }]) => [
    id,
    generation,
    [...offsets].flatMap(([name, rows]) => [...rows].map(([number, row]) => [name, number, row])).sort(),
  ])
  return { topics: state.topics, groups, nextProducerId: state.nextProducerId }
}

it('says the same after compaction', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), (records) => {
      const state = replayed(records)

      const compacted = replayed(stateRecords(state))

      expect(meaning(compacted)).toEqual(meaning(state))
    }),
  )
})

it('does not bring back the offsets of a deleted topic', () => {
  const offsets: StateRecord = {
    kind: 'offsets',
    group: 'a',
    committedMs: 1,
    rows: [['clicks', 0, 5, 0, '']],
  }
  const made: StateRecord = { kind: 'topic', topic: 'clicks', partitions: 1, config: {} }

  const state = replayed([made, offsets, { kind: 'topic_deleted', topic: 'clicks' }, offsets, made])

  expect(state.groups.get('a')?.offsets.size).toBe(0)
})

it('tells records it does not know from its own', () => {
  expect(decodeStateRecord(Buffer.from('{"kind":"from the future"}'))).toBe(null)
  expect(decodeStateRecord(Buffer.from('not json'))).toBe(null)
})
