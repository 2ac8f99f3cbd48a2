import { expect, it } from 'vitest'
import type { LedgerEntry, ResumePoint, Sending } from '../../producers/replay/ledger-entry.ts'
import { createLedgerState } from '../../producers/replay/ledger-state.ts'
import { bytesLeft, planReplay } from '../../producers/replay/plan.ts'
import type { ObjectInfo } from '../../storage/index.ts'

const topic = 'dataflow.events'
const now = { nowMs: 1_000_000, settleMs: 1_000 }
const fromStart: ResumePoint = { line: 0, nextByte: 0, events: 0, deadLetters: 0 }
const middle: ResumePoint = { line: 40, nextByte: 60, events: 39, deadLetters: 1 }
const sending: Sending = {
  producerId: 7,
  nextOffsets: new Map([[0, 5]]),
  alreadySent: new Map(),
  parsing: 'p',
}

function object(key: string, etag = 'v1', modifiedMs = 0): ObjectInfo {
  return { key, etag, size: 100, modifiedMs }
}

function finished(key: string, etag = 'v1'): LedgerEntry {
  return { topic, object: key, etag, size: 100, status: 'finished', line: 50, events: 50, deadLetters: 0 }
}

function progress(key: string, etag = 'v1', ongoing: Sending | null = sending): LedgerEntry {
  return { topic, object: key, etag, size: 100, status: 'progress', point: middle, sending: ongoing }
}

function ledgerOf(...entries: LedgerEntry[]) {
  const state = createLedgerState(topic)
  for (const entry of entries) state.apply(entry)
  return state
}

it('replays what the ledger does not know, in the order of the listing', () => {
  const plan = planReplay([object('a'), object('b')], ledgerOf(), now)

  expect(plan).toEqual({
    work: [
      { object: object('a'), from: fromStart, sending: null },
      { object: object('b'), from: fromStart, sending: null },
    ],
    changed: [],
    settling: 0,
  })
})

it('does nothing for a finished object', () => {
  expect(planReplay([object('a')], ledgerOf(progress('a'), finished('a')), now).work).toEqual([])
})

it('goes on in the middle of an unfinished object, with what is known of its last sender', () => {
  const objects = [object('a'), object('b')]

  const { work } = planReplay(objects, ledgerOf(progress('a'), progress('b', 'v1', null)), now)

  expect(work).toEqual([
    { object: object('a'), from: middle, sending },
    { object: object('b'), from: middle, sending: null },
  ])
  expect(bytesLeft(work)).toBe(80)
})

it('reports a replaced object and leaves it alone, whether it was finished or not', () => {
  const objects = [object('a', 'v2'), object('b', 'v2')]

  const plan = planReplay(objects, ledgerOf(finished('a'), progress('b')), now)

  expect(plan.work).toEqual([])
  expect(plan.changed).toEqual([
    { object: object('a', 'v2'), replayedEtag: 'v1', replayedLines: null },
    { object: object('b', 'v2'), replayedEtag: 'v1', replayedLines: 40 },
  ])
})

// modified   now - 1001   now - 1000   now - 999   now   now + 1 (a clock that is ahead)
//              replay       replay       wait      wait    replay
it('waits for an object that may still be written', () => {
  const ages = [1_001, 1_000, 999, 0, -1]
  const objects = ages.map((ageMs) => object(`age ${ageMs}`, 'v1', now.nowMs - ageMs))

  const plan = planReplay(objects, ledgerOf(), now)

  expect(plan.work.map((work) => work.object.key)).toEqual(['age 1001', 'age 1000', 'age -1'])
  expect(plan.settling).toBe(2)
})

it('reads only the entries of its own topic', () => {
  const other: LedgerEntry = { ...finished('a'), topic: 'other' }

  expect(planReplay([object('a')], ledgerOf(other), now).work).toHaveLength(1)
})
