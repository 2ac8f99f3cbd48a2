import { expect, it } from 'vitest'
import type { AddFile } from '../../../table/index.ts'
import { latestWindowStartMs, planScan, type ScanFilter } from '../../../table/scan/plan.ts'
import { anAdd } from '../../fixtures/table.ts'

const at = (text: string): number => Date.parse(`2026-01-${text}:00Z`)

// click-1   [---- 01 ----)
// click-2                 [---- 02 ----)
// view-1    [---- 01 ----)
// both-1    [---- 01 ----)                (types "click" to "view")
// opaque    no statistics
const files = [
  withStats('click-1', { event_type: 'click' }, ['01T00:00', '01T23:59']),
  withStats('click-2', { event_type: 'click' }, ['02T00:00', '02T23:59']),
  withStats('view-1', { event_type: 'view' }, ['01T00:00', '01T23:59']),
  withStats('both-1', {}, ['01T00:00', '01T23:59'], ['click', 'view']),
  anAdd('opaque'),
]

it.each<[string, ScanFilter, string[]]>([
  ['everything', {}, ['click-1', 'click-2', 'view-1', 'both-1', 'opaque']],
  ['one type', { eventTypes: ['click'] }, ['click-1', 'click-2', 'both-1', 'opaque']],
  ['a type between two', { eventTypes: ['login'] }, ['both-1', 'opaque']],
  ['no type', { eventTypes: [] }, ['opaque']],
  ['from the second day', { fromMs: at('02T00:00') }, ['click-2', 'opaque']],
  ['up to the second day', { toMs: at('02T00:00') }, ['click-1', 'view-1', 'both-1', 'opaque']],
  [
    'from the last window',
    { fromMs: at('01T23:59'), toMs: at('02T00:00') },
    ['click-1', 'view-1', 'both-1', 'opaque'],
  ],
  ['after all', { fromMs: at('03T00:00') }, ['opaque']],
  ['a type on a day', { eventTypes: ['view'], fromMs: at('02T00:00') }, ['opaque']],
])('reads for %s only what may hold it', (_, filter, expected) => {
  expect(paths(files, filter)).toEqual(expected)
})

it('prunes by the date a file is partitioned by, without statistics', () => {
  const dated = ['2026-01-01', '2026-01-02', '1969-12-31'].map((date) =>
    anAdd(date, { partitionValues: { date } }),
  )

  expect(paths(dated, { fromMs: at('02T00:00') })).toEqual(['2026-01-02'])
  expect(paths(dated, { fromMs: at('01T23:59'), toMs: at('02T00:00') })).toEqual(['2026-01-01'])
  expect(paths(dated, { toMs: 0 })).toEqual(['1969-12-31'])
})

it('takes the null partition for the empty type', () => {
  const empty = anAdd('empty', { partitionValues: { event_type: null } })

  expect(paths([empty], { eventTypes: [''] })).toEqual(['empty'])
  expect(paths([empty], { eventTypes: ['click'] })).toEqual([])
})

it('compares types by their UTF-8 bytes, as statistics are', () => {
  const file = withStats('f', {}, ['01T00:00', '01T00:00'], ['\uff5e', '🎉'])

  expect(paths([file], { eventTypes: ['\uffee'] })).toEqual(['f'])
})

it('allows for statistics that another writer cut to milliseconds', () => {
  const file = withStats('f', {}, ['01T00:00', '01T00:00'])

  expect(paths([file], { fromMs: at('01T00:00') + 1 })).toEqual(['f'])
  expect(paths([file], { fromMs: at('01T00:00') + 2 })).toEqual([])
})

it('knows the latest window that has rows', () => {
  expect(latestWindowStartMs({ files: byPath(files) })).toBe(at('02T23:59'))
  expect(latestWindowStartMs({ files: new Map() })).toBeNull()
})

function withStats(
  path: string,
  partitionValues: Record<string, string>,
  windows: string[],
  types?: string[],
): AddFile {
  const values = (n: 0 | 1): unknown => ({
    window_start: `2026-01-${windows[n]}:00.000Z`,
    event_type: types?.[n],
  })
  const stats = JSON.stringify({ numRecords: 1, minValues: values(0), maxValues: values(1), nullCount: {} })
  return anAdd(path, { partitionValues, stats })
}

function byPath(list: readonly AddFile[]): Map<string, AddFile> {
  return new Map(list.map((file) => [file.path, file]))
}

function paths(list: readonly AddFile[], filter: ScanFilter): string[] {
  return planScan({ files: byPath(list) }, filter).map(({ path }) => path)
}
