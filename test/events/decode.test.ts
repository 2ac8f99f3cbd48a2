import avro, { type Schema } from 'avsc'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAvroCodec } from '../../events/avro.ts'
import {
  createEventDecoder,
  dimensionValues,
  encodeEvent,
  parseDimensions,
  partitionKey,
} from '../../events/index.ts'
import { fingerprintOf, typeOf, writerSchemas } from '../../events/schema.ts'
import { anEvent, anyEvent, jsonLine, noon, plainSettings } from '../fixtures/events.ts'

const decoder = createEventDecoder(plainSettings)

describe('Avro', () => {
  it('frames the body as a single object whose fingerprint does not change unnoticed', () => {
    // CRC-64-AVRO of the canonical form, computed apart from this code.
    const header = Buffer.from(encodeEvent(anEvent(), 'avro')).toString('hex', 0, 10)

    expect(header).toBe('c301505ccb8b9e1a1cde')
  })

  it('computes the fingerprints that the Avro specification lists', () => {
    expect(fingerprintOf(typeOf('null')).readBigUInt64LE()).toBe(7_195_948_357_588_979_594n)
  })

  it('writes what any Avro library reads', () => {
    const event = anEvent({ value: 2.5, properties: '{"a":1}' })

    const body = Buffer.from(encodeEvent(event, 'avro')).subarray(10)

    expect({ ...avro.Type.forSchema(writerSchemas[0] ?? 'null').fromBuffer(body) }).toEqual({
      event_id: 'e-1',
      event_type: 'click',
      timestamp: noon,
      user_id: 'ann',
      value: 2.5,
      properties: '{"a":1}',
    })
  })

  it('reads back every event', () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        expect(decoder.decode(encodeEvent(event, 'avro'), 'x', -1)).toEqual({ kind: 'event', event })
      }),
    )
  })

  it('reads back an event far larger than the one before', () => {
    const event = anEvent({ properties: JSON.stringify({ text: 'x'.repeat(100_000) }) })

    expect(decoder.decode(encodeEvent(event, 'avro'), 'x', -1)).toEqual({ kind: 'event', event })
  })

  it('reads what was written with another known schema', () => {
    const older: Schema = {
      type: 'record',
      name: 'Event',
      namespace: 'dataflow',
      fields: [
        { name: 'timestamp', type: 'long' },
        { name: 'event_type', type: 'string' },
        { name: 'source', type: 'string' },
      ],
    }
    const codec = createAvroCodec([...writerSchemas, older])
    const type = avro.Type.forSchema(older)
    const body = type.toBuffer({ timestamp: noon, event_type: 'click', source: 'till' })

    const parsed = codec.decode(Buffer.concat([Buffer.of(0xc3, 0x01), fingerprintOf(type), body]), 't/0/7')

    expect(parsed).toEqual({ kind: 'event', event: anEvent({ eventId: 't/0/7', userId: null }) })
  })

  it.each([
    ['unknown_schema', Buffer.from('c3010000000000000000', 'hex')],
    ['unknown_schema', Buffer.from('c301', 'hex')],
    ['bad_avro', Buffer.from(encodeEvent(anEvent(), 'avro')).subarray(0, 20)],
    ['bad_avro', Buffer.concat([encodeEvent(anEvent(), 'avro'), Buffer.of(0)])],
    ['bad_event_type', Buffer.from(encodeEvent(anEvent({ eventType: 'a\tb' }), 'avro'))],
    ['bad_timestamp', Buffer.from(encodeEvent(anEvent({ timestampMs: 1e15 }), 'avro'))],
    ['bad_value', Buffer.from(encodeEvent(anEvent({ value: Number.NaN }), 'avro'))],
    ['bad_value', Buffer.from(encodeEvent(anEvent({ value: -2e290 }), 'avro'))],
  ])('turns away with %s', (reason, value) => {
    expect(decoder.decode(value, 'x', noon)).toMatchObject({ kind: 'rejected', reason })
  })
})

describe('a record on the topic', () => {
  it('may be Avro or JSON', () => {
    const event = anEvent({ userId: null, properties: '{"a":[1]}' })

    expect(decoder.decode(encodeEvent(event, 'avro'), 'x', noon)).toEqual({ kind: 'event', event })
    expect(decoder.decode(encodeEvent(event, 'json'), 'x', noon)).toEqual({ kind: 'event', event })
    expect(decoder.decode(jsonLine({ event_type: 'click', timestamp: noon }), 'x', noon)).toMatchObject({
      event: { eventId: 'x', eventType: 'click', timestampMs: noon },
    })
  })

  it('without a value is turned away', () => {
    expect(decoder.decode(null, 'x', noon)).toMatchObject({ reason: 'empty_value' })
    expect(decoder.decode(Buffer.of(), 'x', noon)).toMatchObject({ reason: 'empty_value' })
  })

  it('is turned away when its event lies more than the allowance after the record', () => {
    const hour = 3_600_000
    const value = encodeEvent(anEvent({ timestampMs: noon + hour }), 'json')

    expect(decoder.decode(value, 'x', noon)).toMatchObject({ kind: 'event' })
    expect(decoder.decode(value, 'x', noon - 1)).toMatchObject({ reason: 'timestamp_in_future' })
    expect(decoder.decode(value, 'x', -1)).toMatchObject({ kind: 'event' })
  })
})

it('goes to the partition of its user, or else of its id', () => {
  expect(partitionKey(anEvent())).toBe('ann')
  expect(partitionKey(anEvent({ userId: null }))).toBe('e-1')
})

it('has a text or null for each dimension', () => {
  const dimensions = parseDimensions('country=properties.geo.country,n=properties.n,on=properties.on')
  const valuesOf = (properties: string | null): (string | null)[] =>
    dimensionValues(anEvent({ properties }), dimensions)

  expect(valuesOf('{"geo":{"country":"SE"},"n":1.50,"on":true}')).toEqual(['SE', '1.5', 'true'])
  expect(valuesOf('{"geo":["SE"],"n":1e999,"on":null}')).toEqual([null, null, null])
  expect(valuesOf('{"geo":{"country":""},"n":{},"on":"\\ud800"}')).toEqual(['', null, '\ufffd'])
  expect(valuesOf(null)).toEqual([null, null, null])
  expect(valuesOf('not json')).toEqual([null, null, null])
})
