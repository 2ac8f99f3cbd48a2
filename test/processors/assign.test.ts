import { describe, expect, it } from 'vitest'
import type { AssignContext, Decision, PartitionFacts } from '../../processors/assign.ts'
import { decideAssignment } from '../../processors/assign.ts'
import { encodeCheckpoint } from '../../processors/checkpoint.ts'

const context: AssignContext = {
  group: 'dataflow',
  topic: 'dataflow.events',
  tableId: 'ab12cd34',
  otherPartitionsKnown: true,
  startAt: 'earliest',
}
/** A partition in good order: the log holds [100, 900), the table and Kafka are both at 500. */
const healthy: PartitionFacts = {
  partition: 2,
  position: { nextOffset: 500, epoch: 0 },
  committed: { offset: 500, metadata: ours(500) },
  logStartOffset: 100,
  logEndOffset: 900,
  maxLastOffset: 499,
}

function ours(offset: number, tableId = 'ab12cd34'): string {
  return encodeCheckpoint({ tableId, topic: 'dataflow.events', partition: 2, offset, version: 1 })
}
const resume = (offset: number, ignoredResetTo: number | null = null): Decision => ({
  kind: 'resume',
  partition: 2,
  offset,
  ignoredResetTo,
})

describe('a partition that the table has read', () => {
  const none = { committed: null }
  it.each<[string, Partial<PartitionFacts>, Decision]>([
    ['resumes where table and Kafka agree', {}, resume(500)],
    ['resumes at the table after its offsets expired or the group was deleted', none, resume(500)],
    [
      'resumes at the table after a crash between the table commit and the Kafka commit',
      { committed: { offset: 300, metadata: ours(300) } },
      resume(500),
    ],
    [
      'resumes at the table when Kafka is ahead by our own hand, as after a table restored from a copy',
      { committed: { offset: 700, metadata: ours(700) } },
      resume(500),
    ],
    [
      'resumes when a person committed exactly the position of the table',
      { committed: { offset: 500, metadata: '' } },
      resume(500),
    ],
    ['takes a committed -1 for no offset', { committed: { offset: -1, metadata: '' } }, resume(500)],
    ['ignores a forward reset, and says so', { committed: { offset: 700, metadata: '' } }, resume(500, 700)],
    [
      'ignores a forward commit of another table, and says so',
      { committed: { offset: 700, metadata: ours(700, 'ffffffff') } },
      resume(500, 700),
    ],
    ['resumes at the end of the log when all is read', { logEndOffset: 500 }, resume(500)],
    [
      'resumes at the start of the log when retention stopped right there',
      { logStartOffset: 500 },
      resume(500),
    ],
    [
      'resumes when a reset to the log start asks for where the table already is',
      { logStartOffset: 500, committed: { offset: -2, metadata: '' } },
      resume(500),
    ],
    [
      'has no rows yet and resumes all the same',
      { position: { nextOffset: 0, epoch: 0 }, maxLastOffset: null, logStartOffset: 0, committed: null },
      resume(0),
    ],
    [
      'goes on at the log start after retention ate unread offsets, with the gap on record',
      { logStartOffset: 600 },
      { kind: 'align', partition: 2, offset: 600, gap: { partition: 2, from: 500, to: 600 } },
    ],
    [
      'aligns too when the reset and the position both lie below the log start',
      { logStartOffset: 600, committed: { offset: 50, metadata: '' } },
      { kind: 'align', partition: 2, offset: 600, gap: { partition: 2, from: 500, to: 600 } },
    ],
  ])('%s', (_sentence, facts, decision) => {
    expect(decideAssignment({ ...healthy, ...facts }, context)).toEqual(decision)
  })

  it.each<[string, Partial<PartitionFacts>, string]>([
    ['rows at the position', { maxLastOffset: 500 }, 'rows_beyond_position'],
    ['rows but no position', { position: null }, 'rows_beyond_position'],
    ['a log that ends before the position', { logEndOffset: 499 }, 'log_truncated'],
    [
      'a recreated topic, even when somebody reset the group too',
      { logStartOffset: 0, logEndOffset: 3, committed: { offset: 0, metadata: '' } },
      'log_truncated',
    ],
    ['a backward reset', { committed: { offset: 300, metadata: '' } }, 'backward_reset'],
    ['a reset to the log start', { committed: { offset: -2, metadata: '' } }, 'backward_reset'],
    ['a reset below the log start', { committed: { offset: 7, metadata: '' } }, 'backward_reset'],
    [
      'an offset moved back by a tool that kept our metadata',
      { committed: { offset: 300, metadata: ours(500) } },
      'backward_reset',
    ],
  ])('halts at %s', (_what, facts, reason) => {
    expect(decideAssignment({ ...healthy, ...facts }, context)).toMatchObject({
      kind: 'halt',
      partition: 2,
      reason,
    })
  })

  it('says how to undo a backward reset', () => {
    const decision = decideAssignment({ ...healthy, committed: { offset: 300, metadata: '' } }, context)

    const message = decision.kind === 'halt' ? decision.message : ''
    expect(message).toContain('reset back to offset 300 while the table is at 500')
    expect(message).toContain('--group dataflow --topic dataflow.events:2 --reset-offsets --to-offset 500')
  })
})

describe('a partition that the table never read', () => {
  const fresh: PartitionFacts = { ...healthy, position: null, maxLastOffset: null, committed: null }
  const start = (offset: number, because: string, gap: unknown = null) => ({
    kind: 'start',
    partition: 2,
    offset,
    because,
    gap,
  })

  it.each<[string, Partial<PartitionFacts>, Partial<AssignContext>, unknown]>([
    ['starts at the log start when it was added to a known topic', {}, {}, start(100, 'new_partition')],
    [
      'starts at the log start even where a first start would take the end',
      {},
      { startAt: 'latest' },
      start(100, 'new_partition'),
    ],
    [
      'starts at the log start on a first start',
      {},
      { otherPartitionsKnown: false },
      start(100, 'first_start'),
    ],
    [
      'starts at the log end on a first start that asks for it',
      {},
      { otherPartitionsKnown: false, startAt: 'latest' },
      start(900, 'first_start'),
    ],
    [
      'starts where another consumer of the group had stopped',
      { committed: { offset: 400, metadata: 'their own notes' } },
      {},
      start(400, 'committed'),
    ],
    [
      'takes a committed -2 for the log start',
      { committed: { offset: -2, metadata: '' } },
      { otherPartitionsKnown: false, startAt: 'latest' },
      start(100, 'committed'),
    ],
    [
      'takes a committed -1 for no offset',
      { committed: { offset: -1, metadata: '' } },
      { otherPartitionsKnown: false, startAt: 'latest' },
      start(900, 'first_start'),
    ],
    [
      'clamps a committed offset above the log',
      { committed: { offset: 5000, metadata: '' } },
      {},
      start(900, 'committed'),
    ],
    [
      'clamps a committed offset below the log, with the gap on record',
      { committed: { offset: 40, metadata: '' } },
      {},
      start(100, 'committed', { partition: 2, from: 40, to: 100 }),
    ],
  ])('%s', (_sentence, facts, more, decision) => {
    expect(decideAssignment({ ...fresh, ...facts }, { ...context, ...more })).toEqual(decision)
  })

  it.each([
    ['this table', ours(500)],
    ['any other table', ours(500, 'ffffffff')],
  ])('halts when Kafka holds a checkpoint of %s', (_what, metadata) => {
    const decision = decideAssignment({ ...fresh, committed: { offset: 500, metadata } }, context)

    expect(decision).toMatchObject({ kind: 'halt', reason: 'table_lost' })
  })
})
