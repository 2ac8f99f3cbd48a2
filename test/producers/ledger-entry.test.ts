import { expect, it } from 'vitest'
import { encodeLedgerEntry, type LedgerEntry, parseLedgerEntry } from '../../producers/replay/ledger-entry.ts'

const version = { topic: 'dataflow.events', object: 'events/day-1.ndjson', etag: '2a-17c', size: 123 }

const finished: LedgerEntry = { ...version, status: 'finished', line: 12, events: 10, deadLetters: 2 }

const sending: LedgerEntry = {
  ...version,
  status: 'progress',
  point: { line: 5, nextByte: 61, events: 4, deadLetters: 1 },
  sending: {
    producerId: 7_001,
    nextOffsets: new Map([
      [0, 100],
      [1, 0],
    ]),
    alreadySent: new Map([[1, 3]]),
    parsing: 'UTC encoding=avro',
  },
}

const stopped: LedgerEntry = {
  ...version,
  status: 'progress',
  point: { line: 5, nextByte: null, events: 4, deadLetters: 1 },
  sending: null,
}

it.each([finished, sending, stopped])('reads back what it wrote: %j', (entry) => {
  expect(parseLedgerEntry(encodeLedgerEntry(entry))).toEqual(entry)
})

it('writes plain JSON that a person can read with any Kafka tool', () => {
  expect(encodeLedgerEntry(finished).toString()).toBe(
    '{"object":"events/day-1.ndjson","topic":"dataflow.events","etag":"2a-17c","size":123,"status":"finished",' +
      '"line":12,"events":10,"dead_letters":2}',
  )
  expect(JSON.parse(encodeLedgerEntry(sending).toString())).toMatchObject({
    status: 'progress',
    line: 5,
    next_byte: 61,
    sending: { producer_id: 7001, next_offsets: { 0: 100, 1: 0 }, already_sent: { 1: 3 } },
  })
})

it.each([
  '',
  'x',
  '[]',
  '{}',
  '{"object":"a","topic":"t","etag":"e","size":1,"status":"done","line":1,"events":1,"dead_letters":0}',
  '{"object":"a","topic":"t","etag":"e","size":-1,"status":"finished","line":1,"events":1,"dead_letters":0}',
  '{"object":"a","topic":"t","etag":"e","size":1,"status":"progress","line":1,"events":1,"dead_letters":0,"next_byte":0}',
])('takes %j for no entry', (text) => {
  expect(parseLedgerEntry(Buffer.from(text))).toBeNull()
})
