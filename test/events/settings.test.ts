import { describe, expect, it } from 'vitest'
import { parseDimensions, parseEventMap } from '../../events/index.ts'
import { SetupError } from '../../runtime/errors.ts'

describe('EVENT_MAP', () => {
  it('finds every field under its own name when it says nothing', () => {
    expect(parseEventMap(' ')).toEqual({
      event_type: ['event_type'],
      timestamp: ['timestamp'],
      event_id: ['event_id'],
      user_id: ['user_id'],
      value: ['value'],
    })
  })

  it('takes dotted paths, and a dot inside a key behind a backslash', () => {
    const map = parseEventMap(
      'event_type=type, timestamp = created_at,user_id=actor.login,value=http\\.status.code',
    )

    expect(map).toEqual({
      event_type: ['type'],
      timestamp: ['created_at'],
      event_id: ['event_id'],
      user_id: ['actor', 'login'],
      value: ['http.status', 'code'],
    })
  })

  it.each([
    ['type', '"type" is not name=path'],
    ['event_type=', '"event_type=" is not name=path'],
    ['event_type=a,', '"" is not name=path'],
    ['kind=type', 'kind is not one of event_type, timestamp, event_id, user_id, value'],
    ['value=a..b', 'the path of value has an empty key (a..b)'],
    ['value=a,value=b', 'names value twice'],
  ])('refuses %s and says what is wrong', (text, message) => {
    expect(() => parseEventMap(text)).toThrow(SetupError)
    expect(() => parseEventMap(text)).toThrow(message)
  })
})

describe('DIMENSIONS', () => {
  it('keeps none to three columns in their order', () => {
    expect(parseDimensions('')).toEqual([])
    expect(parseDimensions('country=properties.geo.country,device=properties.device')).toEqual([
      { name: 'country', path: ['geo', 'country'] },
      { name: 'device', path: ['device'] },
    ])
  })

  it.each([
    ['a=properties.a,b=properties.b,c=properties.c,d=properties.d', 'at most 3'],
    ['country=geo.country', 'must begin with "properties."'],
    ['country=properties', 'must begin with "properties."'],
    ['country=properties..x', 'must begin with "properties."'],
    ['Country=properties.x', 'Country cannot name a column'],
    ['count=properties.x', 'count is a column that the table has already'],
    ['a=properties.x,a=properties.y', 'names a twice'],
    ['country', '"country" is not name=path'],
  ])('refuses %s and says what is wrong', (text, message) => {
    expect(() => parseDimensions(text)).toThrow(SetupError)
    expect(() => parseDimensions(text)).toThrow(message)
  })
})
