import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mergeRows } from '../../processors/merge-rows.ts'
import { rowList, rowsOf, type TableRow } from '../../table/rows.ts'

const row = (eventType: string, windowStartMs: number, kafkaPartition: number): TableRow => ({
  eventType,
  windowStartMs,
  dimensions: ['nl'],
  kafkaPartition,
  firstOffset: 10,
  lastOffset: 20,
  count: 3,
  lateCount: 1,
  valueCount: 2,
  valueSum: 1.5,
  valueSumLo: 1e-20,
  valueMin: 0.5,
  valueMax: 1,
})

it('merges the rows of partitions by type, then window, and leaves equal keys apart', () => {
  const first = rowsOf([row('click', 0, 0), row('view', 60_000, 0)], 1)
  const second = rowsOf([row('click', 0, 1), row('click', 60_000, 1), row('view', 0, 1)], 1)

  const merged = rowList(mergeRows([first, second]))

  expect(merged).toEqual([
    row('click', 0, 0),
    row('click', 0, 1),
    row('click', 60_000, 1),
    row('view', 0, 1),
    row('view', 60_000, 0),
  ])
})

it('makes no rows of no rows', () => {
  expect(mergeRows([rowsOf([], 1), rowsOf([], 1)]).length).toBe(0)
  expect(mergeRows([]).length).toBe(0)
})

it('gives what sorting all rows together gives', () => {
  const rows = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(3)), { maxLength: 8 })
  fc.assert(
    fc.property(fc.array(rows, { maxLength: 4 }), (parts) => {
      const lists = parts.map((part, partition) =>
        part.map(([type, window]) => row(type, window * 60_000, partition)),
      )

      const merged = mergeRows(lists.map((list) => rowsOf(list, 1)))

      expect(rowList(merged)).toEqual(rowList(rowsOf(lists.flat(), 1)))
    }),
  )
})
