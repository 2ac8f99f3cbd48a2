import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { daysFromCivil } from '../../events/calendar.ts'
import { createTimestampReader } from '../../events/index.ts'

const inUtc = createTimestampReader('UTC')

describe('text with an offset', () => {
  it.each([
    ['2026-01-31T09:30:00Z', 1_769_851_800_000],
    ['2026-01-31t09:30:00z', 1_769_851_800_000],
    ['2026-01-31 09:30:00+00:00', 1_769_851_800_000],
    ['2026-01-31T09:30:00-00:00', 1_769_851_800_000],
    ['2026-01-31T11:30:00+02:00', 1_769_851_800_000],
    ['2026-01-31T00:00:00-09:30', 1_769_851_800_000],
    ['2026-01-31T09:30Z', 1_769_851_800_000],
    ['2026-01-31T09:30:00.5Z', 1_769_851_800_500],
    ['2026-01-31T09:30:00.123999999Z', 1_769_851_800_123],
    ['1970-01-01T00:00:00Z', 0],
    ['1969-12-31T23:59:59.999Z', -1],
    ['2024-02-29T00:00:00Z', 1_709_164_800_000],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000],
    ['9999-12-31T23:59:59.999Z', 253_402_300_799_999],
  ])('reads %s', (text, expected) => {
    expect(inUtc(text)).toBe(expected)
  })

  it('reads a leap second as the last millisecond of its minute', () => {
    expect(inUtc('2016-12-31T23:59:60Z')).toBe(Date.UTC(2016, 11, 31, 23, 59, 59, 999))
    expect(inUtc('2017-01-01T00:59:60.7+01:00')).toBe(Date.UTC(2016, 11, 31, 23, 59, 59, 999))
    expect(inUtc('2016-12-31T22:59:60Z')).toBeNull()
  })

  it.each([
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T09:60:00Z',
    '2026-01-31T09:30:61Z',
    '2026-01-31T09:30:00+24:00',
    '2026-01-31T09:30:00+0200',
    '2026-01-31T09:30:00.Z',
    '2026-01-31T09:30:00,5Z',
    '2026-01-31T09Z',
    '2026-01-31',
    '0000-06-01T00:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    ' 2026-01-31T09:30:00Z',
    '2026-01-31T09:30:00Z\n',
    '٢026-01-31T09:30:00Z',
    'Sat, 31 Jan 2026 09:30:00 GMT',
    '1769851800',
    '',
  ])('refuses %j', (text) => {
    expect(inUtc(text)).toBeNull()
  })

  it('agrees with Date on every millisecond of the years 1 to 9999', () => {
    const anyMs = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 })

    fc.assert(fc.property(anyMs, (ms) => inUtc(new Date(ms).toISOString()) === ms))
  })
})

describe('epoch numbers', () => {
  it.each([
    [0, 0],
    [-0, 0],
    [1_769_851_800, 1_769_851_800_000],
    [1_769_851_800.123, 1_769_851_800_123],
    [1_769_851_800.1239998, 1_769_851_800_124], // settled to the microsecond first
    [-1, -1_000],
    [-0.5, -500],
    [99_999_999_999, 99_999_999_999_000],
    [100_000_000_000, 100_000_000_000],
    [1_769_851_800_123, 1_769_851_800_123],
    [1_769_851_800_123.9, 1_769_851_800_123],
    [-100_000_000_001, -100_000_000_001],
    [99_999_999_999_999, 99_999_999_999_999],
    [100_000_000_000_000, 100_000_000_000],
    [1_769_851_800_123_456, 1_769_851_800_123],
  ])('reads %d', (value, expected) => {
    expect(inUtc(value)).toBe(expected)
  })

  it.each([1e17, -1e17, 1e300, Number.NaN, Number.POSITIVE_INFINITY, -99_999_999_999])(
    'refuses %d',
    (value) => {
      expect(inUtc(value)).toBeNull()
    },
  )

  it.each([[null], [undefined], [true], [{}], [[]]])('refuses %j', (value) => {
    expect(inUtc(value)).toBeNull()
  })
})

describe('wall time in a zone', () => {
  const inBerlin = createTimestampReader('Europe/Berlin')

  it('takes the offset that holds at that time of year', () => {
    expect(inBerlin('2026-01-31T10:30')).toBe(Date.UTC(2026, 0, 31, 9, 30))
    expect(inBerlin('2026-07-31 10:30:15.25')).toBe(Date.UTC(2026, 6, 31, 8, 30, 15, 250))
    expect(inUtc('2026-07-31 10:30')).toBe(Date.UTC(2026, 6, 31, 10, 30))
  })

  it('lets an offset in the text win over the zone', () => {
    expect(inBerlin('2026-01-31T10:30:00Z')).toBe(Date.UTC(2026, 0, 31, 10, 30))
  })

  // Berlin   01:59 CET | 03:00 CEST        2026-03-29, 02:00 to 03:00 is skipped
  // UTC      00:59     | 01:00
  it('reads a skipped time with the offset from before the jump', () => {
    expect(inBerlin('2026-03-29T01:59')).toBe(Date.UTC(2026, 2, 29, 0, 59))
    expect(inBerlin('2026-03-29T02:30')).toBe(Date.UTC(2026, 2, 29, 1, 30))
    expect(inBerlin('2026-03-29T03:00')).toBe(Date.UTC(2026, 2, 29, 1, 0))
  })

  // Berlin   02:00 CEST .. 02:59 CEST | 02:00 CET .. 02:59 CET        2026-10-25
  // UTC      00:00         00:59      | 01:00        01:59
  it('reads a repeated time as the first of the two', () => {
    expect(inBerlin('2026-10-25T01:59')).toBe(Date.UTC(2026, 9, 24, 23, 59))
    expect(inBerlin('2026-10-25T02:30')).toBe(Date.UTC(2026, 9, 25, 0, 30))
    expect(inBerlin('2026-10-25T03:00')).toBe(Date.UTC(2026, 9, 25, 2, 0))
  })

  it('knows zones off the hour, the day that Samoa skipped, and local mean time', () => {
    expect(createTimestampReader('Asia/Kathmandu')('2026-01-31T12:00')).toBe(Date.UTC(2026, 0, 31, 6, 15))
    expect(createTimestampReader('Pacific/Apia')('2011-12-30T12:00')).toBe(Date.UTC(2011, 11, 30, 22))
    expect(createTimestampReader('Europe/Amsterdam')('1890-01-01T00:00')).toBeLessThan(Date.UTC(1890, 0, 1))
  })

  it('undoes what Intl shows, wherever a wall time occurs once', () => {
    const show = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'America/St_Johns', // half hours off, and it once changed clocks a minute past midnight
      dateStyle: 'short',
      timeStyle: 'medium',
    })
    const read = createTimestampReader('America/St_Johns')
    const seconds = fc.integer({ min: Date.UTC(1975, 0) / 1_000, max: Date.UTC(2035, 0) / 1_000 })

    fc.assert(
      fc.property(seconds, (second) => {
        const ms = second * 1_000
        const hour = 3_600_000
        const isOnce = [-2 * hour, -hour, hour, 2 * hour].every(
          (by) => show.format(ms + by) !== show.format(ms),
        )
        return !isOnce || read(show.format(ms)) === ms
      }),
    )
  })

  it('refuses an unknown zone with the remedy', () => {
    expect(() => createTimestampReader('Mars/Olympus')).toThrow(
      /EVENT_TIMEZONE=Mars\/Olympus .* Europe\/Berlin/,
    )
  })
})

it('counts days of the proleptic Gregorian calendar', () => {
  expect(daysFromCivil(1970, 1, 1)).toBe(0)
  expect(daysFromCivil(1969, 12, 31)).toBe(-1)
  expect(daysFromCivil(2000, 3, 1)).toBe(11_017)
  expect(daysFromCivil(1, 1, 1)).toBe(-719_162)
})
