import { expect, it } from 'vitest'
import { createAlreadySent } from '../../producers/replay/already-sent.ts'
import type { Sending } from '../../producers/replay/ledger-entry.ts'
import { reconcile } from '../../producers/replay/reconcile.ts'

const parsing = 'UTC encoding=avro partitions=2'
const sending: Sending = {
  producerId: 7,
  nextOffsets: new Map([
    [0, 100],
    [1, 200],
  ]),
  alreadySent: new Map(),
  parsing,
}

function observed(zero: [logStart: number, records: number], one: [logStart: number, records: number]) {
  return new Map([
    [0, { logStart: zero[0], records: zero[1] }],
    [1, { logStart: one[0], records: one[1] }],
  ])
}

it('passes over as many events per partition as the sender got into the log', () => {
  expect(reconcile(sending, observed([0, 3], [200, 0]), parsing)).toEqual({
    kind: 'known',
    alreadySent: new Map([[0, 3]]),
  })
})

it('adds what the sender itself had to pass over', () => {
  const second: Sending = {
    ...sending,
    alreadySent: new Map([
      [0, 5],
      [1, 1],
    ]),
  }

  expect(reconcile(second, observed([0, 3], [0, 0]), parsing)).toEqual({
    kind: 'known',
    alreadySent: new Map([
      [0, 8],
      [1, 1],
    ]),
  })
})

it('does not guess when retention has removed what it would count', () => {
  expect(reconcile(sending, observed([0, 3], [201, 2]), parsing)).toEqual({
    kind: 'expired',
    partition: 1,
    fromOffset: 200,
    logStart: 201,
  })
})

it('does not count on other settings giving the same events, unless there is nothing to pass over', () => {
  expect(reconcile(sending, observed([0, 1], [0, 0]), 'other')).toEqual({ kind: 'other_parsing' })
  expect(reconcile(sending, observed([0, 0], [0, 0]), 'other')).toEqual({
    kind: 'known',
    alreadySent: new Map(),
  })
})

it('passes over the first events of each partition, then no more', () => {
  const alreadySent = createAlreadySent()
  alreadySent.begin(
    new Map([
      [0, 2],
      [1, 1],
      [2, 0],
    ]),
  )

  const skipped = [0, 1, 1, 2, 0, 0].map((partition) => alreadySent.skip(partition))

  expect(skipped).toEqual([true, true, false, false, true, false])
  expect(alreadySent.left).toEqual(new Map())
})
