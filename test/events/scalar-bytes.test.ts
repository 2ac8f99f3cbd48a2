import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTextTimeReader, isShortInteger, readNumber } from '../../events/scalar-bytes.ts'
import { readTimeText } from '../../events/timestamp.ts'
import { createZone } from '../../events/zone.ts'

describe('a number from its bytes', () => {
  const read = (text: string): number => readNumber(Buffer.from(`1${text}1`), 1, text.length + 1)

  it.each([
    ['0', 0],
    ['-0', -0],
    ['12.50', 12.5],
    ['-0.001', -0.001],
    ['0.1', 0.1],
    ['9007199254740993', 9_007_199_254_740_992],
    ['0.3000000000000000166', 0.3],
    ['1e3', 1_000],
    ['1E-7', 1e-7],
    ['1e999', Number.POSITIVE_INFINITY],
    ['123456789012345678901234567890', 1.2345678901234568e29],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toBe(expected)
  })

  it('is the double that JSON.parse gives, to the last bit', () => {
    const digits = fc.stringMatching(/^[0-9]{1,24}$/)
    const whole = digits.map((text) => text.replace(/^0+(?=\d)/, ''))
    const anyText = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
      fc
        .tuple(fc.constantFrom('', '-'), whole, fc.option(digits))
        .map(([sign, before, after]) => `${sign}${before}${after === null ? '' : `.${after}`}`),
    )

    fc.assert(
      fc.property(anyText, (text) => Object.is(read(text), JSON.parse(text))),
      { numRuns: 5_000 },
    )
  })

  it('is known to be whole only in plain digits', () => {
    const isShort = (text: string): boolean => isShortInteger(Buffer.from(text), 0, text.length)

    expect(['17', '-3', '999999999999999'].map(isShort)).toEqual([true, true, true])
    expect(['1.0', '1e3', '1E3', '9007199254740993'].map(isShort)).toEqual([false, false, false, false])
  })
})

describe.each([
  ['UTC', true],
  ['Asia/Kolkata', false],
])('a time from its bytes, in %s', (timezone, isUtc) => {
  const slow = (text: string): number | null => readTimeText(text, createZone(timezone).toUtcMs)
  const fast = createTextTimeReader({ isUtc })
  const read = (text: string): number => {
    const bytes = Buffer.from(text)
    return fast.read(Buffer.concat([Buffer.of(0x30), bytes, Buffer.from('0Z')]), 1, bytes.length + 1)
  }
  const two = (limit: number): fc.Arbitrary<string> =>
    fc.integer({ min: 0, max: limit }).map((number) => String(number).padStart(2, '0'))
  const anyText = fc
    .tuple(
      fc.oneof(fc.integer({ min: 1_900, max: 2_100 }), fc.integer({ min: 0, max: 9_999 })),
      fc.constantFrom('-', '-', '-', '/'),
      two(13),
      two(32),
      fc.constantFrom('T', ' ', 'T', ' ', 't', '_'),
      two(24),
      two(60),
      two(60),
      fc.constantFrom('', '', '.5', '.25', '.123', '.0009', '.123456789', '.', ',5', '.5x'),
      fc.constantFrom(
        'Z',
        'Z',
        '',
        '+05:30',
        '-00:15',
        '+23:59',
        '+24:00',
        '+01:60',
        '+0530',
        'z',
        'ZZ',
        '+1:00',
      ),
    )
    .map(([year, dash, month, day, separator, hour, minute, second, fraction, offset]) => {
      const date = `${String(year).padStart(4, '0')}${dash}${month}-${day}`
      return `${date}${separator}${hour}:${minute}:${second}${fraction}${offset}`
    })

  it('is what the slow way reads, or unsure', () => {
    let sure = 0
    fc.assert(
      fc.property(anyText, (text) => {
        const timestampMs = read(text)
        if (Number.isNaN(timestampMs)) return
        sure++
        expect(timestampMs).toBe(slow(text))
      }),
      { numRuns: 5_000 },
    )
    expect(sure).toBeGreaterThan(100)
  })

  it.each([
    '2026-02-29T12:00:00Z',
    '2026-04-31T12:00:00Z',
    '2026-00-10T12:00:00Z',
    '2026-01-00T12:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T12:60:00Z',
    '2026-01-31T12:00:60Z',
    '2026-01-31T12:00:00+24:00',
    '2026-01-31T12:00:00+01:60',
    '2026-01-31T12:00:00.Z',
    '2026-01-31T12:00Z',
    '2026-01-31T1:00:00Z0',
    '9999-12-31T23:59:59-00:01',
  ])('is unsure of %s', (text) => {
    expect(read('2026-02-28T12:00:00Z')).toBe(Date.UTC(2026, 1, 28, 12)) // fills the memory of the last date
    expect(read(text)).toBeNaN()
  })
})
