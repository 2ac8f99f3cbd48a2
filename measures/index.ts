export { addValue, emptyTotals, mergeTotals, sumOf, type Totals, twoSumError } from './totals.ts'
