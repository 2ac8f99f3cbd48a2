import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createEventParser, encodeEvent, type Parsed, parseEventMap } from '../../events/index.ts'
import { anEvent, anyEvent, jsonLine, noon } from '../fixtures/events.ts'

const parser = createEventParser({ map: parseEventMap(''), timezone: 'UTC' })
const parse = (text: string): Parsed => parser.parse(Buffer.from(text), 'file#1')
const read = (object: unknown): Parsed => parser.parse(jsonLine(object), 'file#1')
const atNoon = { event_type: 'click', timestamp: '2026-01-31T12:00:00Z' }

function reasonOf(parsed: Parsed): string {
  return parsed.kind === 'rejected' ? parsed.reason : 'accepted'
}

describe('an event', () => {
  it('has its five fields, and everything else under properties as JSON text', () => {
    const line = {
      ...atNoon,
      event_id: 'e-1',
      user_id: 'ann',
      value: 9.5,
      country: 'SE',
      cart: { items: [1, 2] },
    }

    expect(read(line)).toEqual({
      kind: 'event',
      event: {
        eventId: 'e-1',
        eventType: 'click',
        timestampMs: noon,
        userId: 'ann',
        value: 9.5,
        properties: '{"country":"SE","cart":{"items":[1,2]}}',
      },
    })
  })

  it('needs only a type and a time, and then takes the derived id', () => {
    expect(read(atNoon)).toEqual({ kind: 'event', event: anEvent({ eventId: 'file#1', userId: null }) })
  })

  it('treats null and empty ids as absent', () => {
    const line = { ...atNoon, event_id: '', user_id: '', value: null, properties: null }

    expect(read(line)).toEqual({ kind: 'event', event: anEvent({ eventId: 'file#1', userId: null }) })
  })

  it('takes whole numbers as ids', () => {
    expect(read({ ...atNoon, event_id: 17, user_id: -3 })).toMatchObject({
      event: { eventId: '17', userId: '-3' },
    })
  })

  it('lifts the members of a properties object; a top-level key of the same name wins', () => {
    const line = { ...atNoon, country: 'NO', properties: { country: 'SE', device: 'phone' } }

    expect(read(line)).toMatchObject({ event: { properties: '{"country":"NO","device":"phone"}' } })
    expect(read({ ...atNoon, properties: 'text' })).toMatchObject({
      event: { properties: '{"properties":"text"}' },
    })
  })

  it('keeps a key named __proto__ like any other', () => {
    expect(parse('{"event_type":"a","timestamp":0,"__proto__":{"x":1}}')).toMatchObject({
      event: { properties: '{"__proto__":{"x":1}}' },
    })
    expect(reasonOf(parse('{"timestamp":0,"__proto__":{"event_type":"a"}}'))).toBe('missing_event_type')
  })

  it('takes the last of two equal keys, a byte order mark and a newline at the end', () => {
    expect(parse('\ufeff{"event_type":"a","timestamp":0,"event_type":"b"}\r\n')).toMatchObject({
      event: { eventType: 'b' },
    })
  })

  it('stores a value of minus zero as zero', () => {
    expect(parse('{"event_type":"a","timestamp":0,"value":-0.0}')).toMatchObject({ event: { value: 0 } })
  })
})

describe('EVENT_MAP', () => {
  const map = parseEventMap(
    'event_type=type,timestamp=created_at,event_id=id,user_id=actor.login,value=score.total',
  )
  const mapped = createEventParser({ map, timezone: 'Europe/Berlin' })
  const line = {
    id: 12,
    type: 'PushEvent',
    actor: { login: 'ann', bot: false },
    created_at: '2026-01-31 13:00',
    score: { total: 2 },
    event_type: 'not it',
  }
  const event = anEvent({
    eventId: '12',
    eventType: 'PushEvent',
    value: 2,
    properties: '{"actor":{"login":"ann","bot":false},"score":{"total":2},"event_type":"not it"}',
  })

  it('finds the fields, takes whole keys out, and leaves what it reads from inside an object', () => {
    expect(mapped.parse(jsonLine(line), 'x')).toEqual({ kind: 'event', event })
  })

  it('does not map again what was encoded as JSON for the topic', () => {
    expect(mapped.parse(encodeEvent(event, 'json'), 'x')).toEqual({ kind: 'event', event })
  })

  it('does not fall back to the plain names', () => {
    expect(reasonOf(mapped.parse(jsonLine(atNoon), 'x'))).toBe('missing_event_type')
  })

  it('goes through objects only', () => {
    expect(mapped.parse(jsonLine({ ...line, actor: ['ann'] }), 'x')).toMatchObject({
      event: { userId: null },
    })
    expect(mapped.parse(jsonLine({ ...line, actor: 'ann' }), 'x')).toMatchObject({ event: { userId: null } })
  })
})

describe('what is not an event', () => {
  it.each([
    ['', 'empty_value'],
    ['   ', 'not_json'],
    ['{"event_type":"a","timestamp":0', 'not_json'],
    ['{"event_type":"a","timestamp":NaN}', 'not_json'],
    ['"text"', 'not_an_object'],
    ['null', 'not_an_object'],
    ['17', 'not_an_object'],
    [' [{"event_type":"a","timestamp":0}]', 'json_array'],
    ['[', 'json_array'],
    ['{"timestamp":0}', 'missing_event_type'],
    ['{"event_type":null,"timestamp":0}', 'missing_event_type'],
    ['{"event_type":"","timestamp":0}', 'bad_event_type'],
    ['{"event_type":7,"timestamp":0}', 'bad_event_type'],
    ['{"event_type":"a\\u0000b","timestamp":0}', 'bad_event_type'],
    ['{"event_type":"a\\u0085b","timestamp":0}', 'bad_event_type'],
    ['{"event_type":"\\ud800","timestamp":0}', 'bad_event_type'],
    ['{"event_type":"a"}', 'missing_timestamp'],
    ['{"event_type":"a","timestamp":null}', 'missing_timestamp'],
    ['{"event_type":"a","timestamp":"yesterday"}', 'bad_timestamp'],
    ['{"event_type":"a","timestamp":"2026-02-30T00:00:00Z"}', 'bad_timestamp'],
    ['{"event_type":"a","timestamp":true}', 'bad_timestamp'],
    ['{"event_type":"a","timestamp":0,"value":"9"}', 'bad_value'],
    ['{"event_type":"a","timestamp":0,"value":1e999}', 'bad_value'],
    ['{"event_type":"a","timestamp":0,"value":2e290}', 'bad_value'],
    ['{"event_type":"a","timestamp":0,"value":[1]}', 'bad_value'],
    ['{"event_type":"a","timestamp":0,"user_id":{}}', 'bad_user_id'],
    ['{"event_type":"a","timestamp":0,"user_id":1.5}', 'bad_user_id'],
    ['{"event_type":"a","timestamp":0,"user_id":9007199254740993}', 'bad_user_id'],
    ['{"event_type":"a","timestamp":0,"event_id":true}', 'bad_event_id'],
    ['{"event_type":"a","timestamp":0,"event_id":"\\udc00"}', 'bad_event_id'],
  ])('%s is %s', (text, reason) => {
    expect(reasonOf(parse(text))).toBe(reason)
  })

  it('is text that is not UTF-8', () => {
    expect(reasonOf(parser.parse(Buffer.from([0x7b, 0xff, 0x7d]), ''))).toBe('invalid_utf8')
  })

  it('is a type of over 128 characters, an event id of over 2,048, a user id of over 256', () => {
    expect(reasonOf(read({ ...atNoon, event_type: '😀'.repeat(128) }))).toBe('accepted')
    expect(reasonOf(read({ ...atNoon, event_type: '😀'.repeat(129) }))).toBe('bad_event_type')
    expect(reasonOf(read({ ...atNoon, event_id: 'x'.repeat(2_048) }))).toBe('accepted')
    expect(reasonOf(read({ ...atNoon, event_id: 'x'.repeat(2_049) }))).toBe('bad_event_id')
    expect(reasonOf(read({ ...atNoon, user_id: 'x'.repeat(256) }))).toBe('accepted')
    expect(reasonOf(read({ ...atNoon, user_id: 'x'.repeat(257) }))).toBe('bad_user_id')
  })

  it('is one that nests over 100 deep, however deep', () => {
    const nested = (depth: number): string =>
      `{"event_type":"a","timestamp":0,"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`

    expect(reasonOf(parse(nested(100)))).toBe('accepted')
    expect(reasonOf(parse(nested(101)))).toBe('too_deep')
    expect(reasonOf(parse(nested(200_000)))).toBe('too_deep')
    expect(reasonOf(read({ ...atNoon, x: '[{"\\'.repeat(200) }))).toBe('accepted')
  })

  it('shows for a JSON array the line that turns it into events', () => {
    expect(parse('[{"event_type":"a"}]')).toMatchObject({
      message: expect.stringContaining("jq -c '.[]' file"),
    })
  })
})

it('reads back every event it has encoded', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      expect(parser.parse(encodeEvent(event, 'json'), 'x')).toEqual({ kind: 'event', event })
    }),
  )
})
