import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isoTime, misalignment, parseTime } from '../../../api/query/interval.ts'

it.each([
  ['1970-01-01T00:00:00Z', 0],
  ['1970-01-01T00:01:00.5Z', 60_500],
  ['1970-01-01T00:00:00.123000Z', 123],
  ['1970-01-01t01:00:00+01:00', 0],
  ['1969-12-31T23:30:00-00:30', 0],
  ['2024-02-29T00:00:00z', 1_709_164_800_000],
  ['0001-01-01T00:00:00Z', -62_135_596_800_000],
])('reads %s', (text, timeMs) => {
  expect(parseTime(text)).toEqual({ kind: 'time', timeMs })
})

it.each([
  ['', 'must be an RFC 3339 time, such as 2026-03-01T00:00:00Z'],
  ['yesterday', 'must be an RFC 3339 time'],
  ['1767225600', 'must be an RFC 3339 time'],
  ['2026-03-01', 'a date alone has no time zone'],
  ['2026-03-01T00:00:00', 'the Z or the offset is missing'],
  ['2026-03-01T00:00:00 02:00', 'write the + of its offset as %2B'],
  ['2026-02-29T00:00:00Z', 'there is no 2026-02-29'],
  ['2026-13-01T00:00:00Z', 'there is no 2026-13-01'],
  ['2026-01-01T24:00:00Z', 'there is no 2026-01-01T24'],
  ['2026-01-01T00:00:00+24:00', 'there is no'],
  ['2026-01-01T00:00:00.0001Z', 'must not be finer than a millisecond'],
])('refuses %j and says why', (text, detail) => {
  expect(parseTime(text)).toEqual({ kind: 'invalid', detail: expect.stringContaining(detail) })
})

it('reads back every time that it writes', () => {
  const anyTime = fc.integer({ min: Date.UTC(0, 0, 1), max: Date.UTC(9999, 11, 31) })

  fc.assert(
    fc.property(anyTime, (timeMs) => {
      expect(parseTime(isoTime(timeMs))).toEqual({ kind: 'time', timeMs })
    }),
  )
})

it('names the windows on either side of a time between them', () => {
  expect(misalignment(120_000, 60_000)).toBeNull()
  expect(misalignment(-60_000, 60_000)).toBeNull()
  expect(misalignment(90_000, 60_000)).toBe(
    'must fall on a window of 60000 ms, such as 1970-01-01T00:01:00Z or 1970-01-01T00:02:00Z',
  )
})
