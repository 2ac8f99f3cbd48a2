import fc from 'fast-check'
import { expect, it } from 'vitest'
import { addValue, emptyTotals, mergeTotals, sumOf, type Totals } from '../../measures/index.ts'

function totalsOf(values: readonly number[]): Totals {
  const totals = emptyTotals()
  for (const value of values) {
    totals.count++
    addValue(totals, value)
  }
  return totals
}

it('keeps count, sum, minimum and maximum', () => {
  expect(totalsOf([3, -1, 2.5])).toEqual({
    count: 3,
    lateCount: 0,
    valueCount: 3,
    valueSum: 4.5,
    valueSumLo: 0,
    valueMin: -1,
    valueMax: 3,
  })
})

it('rounds a sum once', () => {
  const tenths = Array.from({ length: 10 }, () => 0.1)

  expect(sumOf(totalsOf(tenths))).toBe(1) // plain addition says 0.9999999999999999
  expect(sumOf(totalsOf([1e16, 1, 1, -1e16]))).toBe(2)
  expect(sumOf(totalsOf([1e290, 1, -1e290]))).toBe(1)
  expect(sumOf(emptyTotals())).toBe(0)
})

it('merges groups, and passes over the minimum and maximum of one without values', () => {
  const into = totalsOf([2])
  const withoutValues = {
    ...emptyTotals(),
    count: 4,
    lateCount: 1,
    valueMin: Number.NaN,
    valueMax: Number.NaN,
  }

  mergeTotals(into, withoutValues)
  mergeTotals(into, totalsOf([5, 1]))

  expect(into).toMatchObject({ count: 7, lateCount: 1, valueCount: 3, valueSum: 8, valueMin: 1, valueMax: 5 })
})

it('sums to the same double as exact arithmetic, in any order and however cut', () => {
  // Amounts with a fraction that binary cannot hold, over eight orders of magnitude, of both signs.
  const amount = fc.integer({ min: -(10 ** 10), max: 10 ** 10 }).map((cents) => cents / 100)
  const amounts = fc.array(amount, { minLength: 1, maxLength: 200 })

  fc.assert(
    fc.property(amounts, fc.array(fc.nat()), (values, random) => {
      const shuffled = values
        .map((value, at) => ({ value, key: random[at % Math.max(1, random.length)] ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ value }) => value)
      const cut = (random[0] ?? 0) % values.length
      const merged = totalsOf(shuffled.slice(cut))
      mergeTotals(merged, totalsOf(shuffled.slice(0, cut)))

      expect(sumOf(totalsOf(values))).toBe(exactSum(values))
      expect(sumOf(merged)).toBe(exactSum(values))
    }),
  )
})

/** By whole numbers: each value is a multiple of 2^-60 here. Dividing back rounds once, as Number(BigInt) does. */
function exactSum(values: readonly number[]): number {
  const scale = 2 ** 60
  return Number(values.reduce((sum, value) => sum + BigInt(value * scale), 0n)) / scale
}
