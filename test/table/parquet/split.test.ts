import { expect, it } from 'vitest'
import { transferablesOf } from '../../../table/parquet/encode-job.ts'
import { encodeJobOf, splitRows } from '../../../table/parquet/split.ts'
import { readStats, readTags } from '../../../table/parquet/stats.ts'
import { rowsOf } from '../../../table/rows.ts'
import { aBinding, anAdd, aRow, minuteMs, someTags } from '../../fixtures/table.ts'

const dayMs = 24 * 60 * minuteMs

const rows = rowsOf(
  [
    aRow({ eventType: 'click', windowStartMs: -minuteMs, firstOffset: 7, lastOffset: 9 }),
    aRow({ eventType: 'click', windowStartMs: 0, firstOffset: 3, lastOffset: 4 }),
    aRow({ eventType: 'click', windowStartMs: dayMs, kafkaPartition: 2, firstOffset: 1, lastOffset: 1 }),
    aRow({ eventType: 'view', windowStartMs: 0, firstOffset: 5, lastOffset: 20 }),
  ],
  0,
)

it.each([
  [
    ['event_type'] as const,
    [
      ['click', 3],
      ['view', 1],
    ],
  ],
  [
    ['date'] as const,
    [
      ['1969-12-31', 1],
      ['1970-01-01', 2],
      ['1970-01-02', 1],
    ],
  ],
  [
    ['event_type', 'date'] as const,
    [
      ['click/1969-12-31', 1],
      ['click/1970-01-01', 1],
      ['click/1970-01-02', 1],
      ['view/1970-01-01', 1],
    ],
  ],
  [[] as const, [['', 4]]],
])('makes one file per combination of %j', (partitionBy, expected) => {
  const plans = splitRows(rows, someTags, aBinding({ partitionBy }))

  expect(
    plans.map((plan) => [plan.partitionValues.map(([, value]) => value).join('/'), plan.picked.length]),
  ).toEqual(expected)
})

it('states what a file holds, and leaves partition columns out', () => {
  const [click] = splitRows(rows, someTags, aBinding())

  expect(JSON.parse(click?.stats ?? '')).toEqual({
    numRecords: 3,
    minValues: {
      date: '1969-12-31',
      window_start: '1969-12-31T23:59:00.000Z',
      kafka_partition: 0,
      first_offset: 1,
      last_offset: 1,
    },
    maxValues: {
      date: '1970-01-02',
      window_start: '1970-01-02T00:00:00.000Z',
      kafka_partition: 2,
      first_offset: 7,
      last_offset: 9,
    },
    nullCount: { date: 0, window_start: 0, kafka_partition: 0, first_offset: 0, last_offset: 0 },
  })
})

it('orders types as their UTF-8 bytes do, and leaves long ones out', () => {
  const types = (...names: string[]): unknown => {
    const list = names.map((eventType) => aRow({ eventType }))
    const [plan] = splitRows(rowsOf(list, 0), someTags, aBinding({ partitionBy: ['date'] }))
    const stats = JSON.parse(plan?.stats ?? '')
    return [stats.minValues.event_type, stats.maxValues.event_type]
  }

  expect(types('b', '\uff5e', '🎉', 'a')).toEqual(['a', '🎉'])
  expect(types('a', 'x'.repeat(65))).toEqual([undefined, undefined])
})

it('leaves times out that other readers cannot parse', () => {
  const [plan] = splitRows(
    rowsOf([aRow({ windowStartMs: 8.64e15 })], 0),
    someTags,
    aBinding({ partitionBy: [] }),
  )

  expect(JSON.parse(plan?.stats ?? '').maxValues).not.toHaveProperty('window_start')
})

it('tags each Kafka partition of a file with the range of the flush and of its own rows', () => {
  const tags = new Map([
    [0, { lo: 3, hi: 30, watermarkAtLo: 500 }],
    [2, { lo: 1, hi: 2, watermarkAtLo: null }],
  ])
  const [click] = splitRows(rows, tags, aBinding())

  expect(click?.tags['dataflow.partition.0']).toBe(
    '{"lo":3,"hi":30,"watermarkAtLo":500,"minFirst":3,"maxLast":9,"count":2}',
  )
  expect(readTags(anAdd('a', { tags: click?.tags ?? {} }))).toEqual(
    new Map([
      [0, { lo: 3, hi: 30, watermarkAtLo: 500, minFirst: 3, maxLast: 9, count: 2 }],
      [2, { lo: 1, hi: 2, watermarkAtLo: null, minFirst: 1, maxLast: 1, count: 1 }],
    ]),
  )
})

it('takes rows without the tag of their Kafka partition as a bug', () => {
  expect(() => splitRows(rows, new Map(), aBinding())).toThrow('without their tag')
})

it('knows nothing by statistics or tags of another shape', () => {
  expect(readTags(anAdd('a'))).toBeNull()
  expect(readTags(anAdd('a', { tags: { 'dataflow.partition.0': '{"lo":1}' } }))).toBeNull()
  expect(readStats(anAdd('a'))).toBeNull()
  expect(readStats(anAdd('a', { stats: 'x' }))).toBeNull()
  expect(readStats(anAdd('a', { stats: '{"numRecords":1}' }))).toEqual({
    numRecords: 1,
    eventType: null,
    windowStartMs: null,
  })
})

it('leaves the rows whole when their jobs are given away', () => {
  const [plan] = splitRows(rows, someTags, aBinding({ partitionBy: [] }))
  const job = encodeJobOf(rows, plan?.picked ?? new Int32Array(), aBinding({ partitionBy: [] }))

  structuredClone(null, { transfer: transferablesOf(job) })

  expect(rows.count.length).toBe(4)
  expect(rows.kafkaPartition.length).toBe(4)
})
