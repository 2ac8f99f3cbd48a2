import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  encodeCheckpoint,
  isOwnCheckpoint,
  parseCheckpoint,
  shortTableId,
} from '../../processors/checkpoint.ts'

const metadata = '{"dataflow":1,"table":"ab12cd34","tp":"dataflow.events/2","offset":500,"version":7}'
const own = { tableId: 'ab12cd34', topic: 'dataflow.events', partition: 2 }

describe('the metadata beside a committed offset', () => {
  it('is one small JSON object', () => {
    const written = encodeCheckpoint({ ...own, offset: 500, version: 7 })

    expect(written).toBe(metadata)
    expect(parseCheckpoint(written)).toEqual({ ...own, offset: 500, version: 7 })
  })

  it('carries the first eight characters of the table id', () => {
    expect(shortTableId('ab12cd34-0000-4000-8000-000000000000')).toBe('ab12cd34')
  })

  it('comes back from its text, whatever the topic is called', () => {
    const topics = fc.stringMatching(/^[A-Za-z0-9._-]{1,40}$/)
    fc.assert(
      fc.property(topics, fc.nat(), fc.nat(), fc.nat(), (topic, partition, offset, version) => {
        const checkpoint = { tableId: 'ab12cd34', topic, partition, offset, version }
        expect(parseCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint)
      }),
    )
  })

  it.each([
    ['the empty text of Kafka tools', ''],
    ['text', 'reset by anna'],
    ['JSON that is no object', '[1]'],
    ['JSON null', 'null'],
    ['an object of another tool', '{"table":"ab12cd34","tp":"dataflow.events/2","offset":500,"version":7}'],
    ['a later format', '{"dataflow":2,"table":"ab12cd34","tp":"dataflow.events/2","offset":500,"version":7}'],
    ['no offset', '{"dataflow":1,"table":"ab12cd34","tp":"dataflow.events/2","version":7}'],
    ['no table', '{"dataflow":1,"tp":"dataflow.events/2","offset":500,"version":7}'],
    ['no partition', '{"dataflow":1,"table":"ab12cd34","tp":"dataflow.events","offset":500,"version":7}'],
    [
      'an empty partition',
      '{"dataflow":1,"table":"ab12cd34","tp":"dataflow.events/","offset":500,"version":7}',
    ],
  ])('does not parse from %s', (_what, text) => {
    expect(parseCheckpoint(text)).toBeNull()
  })
})

describe('an own checkpoint', () => {
  it('is one whose table, topic, partition and offset all match', () => {
    expect(isOwnCheckpoint({ offset: 500, metadata }, own)).toBe(true)
  })

  it.each([
    ['another table', { offset: 500, metadata }, { ...own, tableId: 'ffffffff' }],
    ['another topic', { offset: 500, metadata }, { ...own, topic: 'other' }],
    ['another partition', { offset: 500, metadata }, { ...own, partition: 1 }],
    ['an offset moved by a tool that copied the metadata', { offset: 100, metadata }, own],
    ['no metadata', { offset: 500, metadata: '' }, own],
  ])('is not one of %s', (_what, committed, expected) => {
    expect(isOwnCheckpoint(committed, expected)).toBe(false)
  })
})
