/**
 * What is kept of a group of events, and how two groups become one.
 * Sums are double-double: `valueSum` is the running sum as a double, `valueSumLo` collects what each addition rounded
 * away. As long as the values' digits span less than about 100 bits (cents up to 10^20, say) nothing is lost, so a sum
 * does not depend on order or on where flushes were cut. Round once, by `sumOf`, when answering.
 * Values are finite and at most 1e290 in size: their reader has seen to it.
 */
export interface Totals {
  count: number
  lateCount: number
  valueCount: number
  valueSum: number
  valueSumLo: number
  /** Infinity where valueCount is 0. */
  valueMin: number
  /** -Infinity where valueCount is 0. */
  valueMax: number
}

export function emptyTotals(): Totals {
  return {
    count: 0,
    lateCount: 0,
    valueCount: 0,
    valueSum: 0,
    valueSumLo: 0,
    valueMin: Number.POSITIVE_INFINITY,
    valueMax: Number.NEGATIVE_INFINITY,
  }
}

/** Counts one value in; `count` is the caller's, since not every event has a value. */
export function addValue(into: Totals, value: number): void {
  const sum = into.valueSum + value
  into.valueSumLo += twoSumError(into.valueSum, value, sum)
  into.valueSum = sum
  into.valueCount++
  if (value < into.valueMin) into.valueMin = value
  if (value > into.valueMax) into.valueMax = value
}

/** Adds `from` to `into`. Minimum and maximum of a group without values (null or NaN in a table) are passed over. */
export function mergeTotals(into: Totals, from: Readonly<Totals>): void {
  into.count += from.count
  into.lateCount += from.lateCount
  if (from.valueCount === 0) return
  const sum = into.valueSum + from.valueSum
  into.valueSumLo += twoSumError(into.valueSum, from.valueSum, sum) + from.valueSumLo
  into.valueSum = sum
  into.valueCount += from.valueCount
  if (from.valueMin < into.valueMin) into.valueMin = from.valueMin
  if (from.valueMax > into.valueMax) into.valueMax = from.valueMax
}

/** The sum as one double. */
export function sumOf(totals: Pick<Totals, 'valueSum' | 'valueSumLo'>): number {
  return totals.valueSum + totals.valueSumLo
}

/** What `sum = a + b` rounded away, exactly (Knuth's TwoSum): a + b is sum + error without any rounding. */
export function twoSumError(a: number, b: number, sum: number): number {
  const partOfB = sum - a
  return a - (sum - partOfB) + (b - partOfB)
}
