import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createEventDecoder,
  createProjection,
  dimensionValues,
  type Event,
  encodeEvent,
  parseDimensions,
} from '../../events/index.ts'
import { addValue, emptyTotals, type Totals } from '../../measures/index.ts'
import { type Aggregate, type AggregateOptions, createAggregate } from '../../processors/aggregate.ts'
import { rowList, type TableRow } from '../../table/rows.ts'
import { anEvent, plainSettings } from '../fixtures/events.ts'

const minute = 60_000
const plainOptions: AggregateOptions = {
  windowMs: minute,
  allowedLatenessMs: 10 * minute,
  resumeWatermarkMs: null,
  dimensionCount: 0,
}

/** Adds the events at offsets 100, 101 and so on. */
function addAll(aggregate: Aggregate, events: Event[], dimensions = ''): TableRow[] {
  const projection = createProjection({ ...plainSettings, dimensions: parseDimensions(dimensions) })
  for (const [at, event] of events.entries()) {
    const record = Buffer.from(encodeEvent(event, at % 2 === 0 ? 'avro' : 'json'))
    expect(projection.read(record, 0, record.length, -1)).toBe(true)
    aggregate.add(projection, 100 + at)
  }
  return rowList(aggregate.toRows(7))
}

const at = (timestampMs: number, more: Partial<Event> = {}): Event => anEvent({ timestampMs, ...more })

describe('rows', () => {
  // window     [--- 0 ---)[--- 1 min ---)
  // click       0    2
  // purchase      1         3 (9.5)  4 (-1)
  it('hold one aggregate per type and window, with the offsets of its events', () => {
    const purchase = (timestampMs: number, value: number | null): Event =>
      at(timestampMs, { eventType: 'purchase', value })

    const rows = addAll(createAggregate(plainOptions), [
      at(0),
      purchase(10_000, null),
      at(59_999),
      purchase(minute, 9.5),
      purchase(minute + 1, -1),
    ])

    const nothing = { valueCount: 0, valueSum: 0, valueMin: null, valueMax: null }
    const plain = { dimensions: [], kafkaPartition: 7, lateCount: 0, valueSumLo: 0 }
    const purchases = { ...plain, eventType: 'purchase' }
    expect(rows).toEqual([
      {
        ...plain,
        ...nothing,
        eventType: 'click',
        windowStartMs: 0,
        firstOffset: 100,
        lastOffset: 102,
        count: 2,
      },
      { ...purchases, ...nothing, windowStartMs: 0, firstOffset: 101, lastOffset: 101, count: 1 },
      {
        ...purchases,
        windowStartMs: minute,
        firstOffset: 103,
        lastOffset: 104,
        count: 2,
        valueCount: 2,
        valueSum: 8.5,
        valueMin: -1,
        valueMax: 9.5,
      },
    ])
  })

  it('are sorted by type, as JavaScript orders texts, and then by window', () => {
    const rows = addAll(createAggregate(plainOptions), [
      at(5 * minute, { eventType: 'b' }),
      at(-minute, { eventType: 'é' }),
      at(-minute, { eventType: 'b' }),
      at(0, { eventType: 'B' }),
      at(0, { eventType: 'a b' }),
      at(0, { eventType: 'a' }),
    ])

    expect(rows.map((row) => [row.eventType, row.windowStartMs])).toEqual([
      ['B', 0],
      ['a', 0],
      ['a b', 0],
      ['b', -minute],
      ['b', 5 * minute],
      ['é', -minute],
    ])
  })

  it('are broken down by dimension values, null among them', () => {
    const of = (properties: string | null): Event => at(0, { properties })

    const rows = addAll(
      createAggregate({ ...plainOptions, dimensionCount: 2 }),
      [of('{"c":"SE","d":"x"}'), of('{"c":"SE"}'), of(null), of('{"d":"x","c":"SE"}')],
      'c=properties.c,d=properties.d',
    )

    expect(rows.map((row) => [row.dimensions, row.count])).toEqual([
      [['SE', 'x'], 2],
      [['SE', null], 1],
      [[null, null], 1],
    ])
  })

  it('keep a sum as exactly as the measures do', () => {
    const [row] = addAll(
      createAggregate(plainOptions),
      Array.from({ length: 10 }, () => at(0, { value: 0.1 })),
    )

    expect(row?.valueSum).toBe(0.9999999999999999)
    expect((row?.valueSum ?? 0) + (row?.valueSumLo ?? 0)).toBe(1)
  })
})

// event time   10:00   10:11   10:00:59   10:01        allowed: 10 minutes
// watermark      -      9:50    10:01      10:01
it('counts late events like all others, and as late besides', () => {
  const aggregate = createAggregate(plainOptions)
  const ten = 10 * 60 * minute

  const rows = addAll(aggregate, [at(ten), at(ten + 11 * minute), at(ten + minute - 1), at(ten + minute)])

  expect(rows.map(({ windowStartMs, count, lateCount }) => [windowStartMs - ten, count, lateCount])).toEqual([
    [0, 2, 1],
    [minute, 1, 0],
    [11 * minute, 1, 0],
  ])
  expect(aggregate.watermarkMs).toBe(ten + minute)
})

it('resumes lateness from the watermark of the last flush', () => {
  const rows = addAll(createAggregate({ ...plainOptions, resumeWatermarkMs: 1_000 }), [at(999), at(1_000)])

  expect(rows.map(({ count, lateCount }) => [count, lateCount])).toEqual([[2, 1]])
})

it('counts the values that went to __other__', () => {
  const aggregate = createAggregate({ ...plainOptions, dimensionCount: 1 })
  const long = JSON.stringify({ c: 'x'.repeat(65) })

  const rows = addAll(
    aggregate,
    [at(0, { properties: long }), at(0), at(1, { properties: long })],
    'c=properties.c',
  )

  expect(rows.map((row) => [row.dimensions, row.count])).toEqual([
    [['__other__'], 2],
    [[null], 1],
  ])
  expect(aggregate.otherCount).toBe(2)
})

it('forgets groups and keeps the watermark when it is cleared', () => {
  const aggregate = createAggregate(plainOptions)
  expect([aggregate.groupCount, aggregate.lastOffset, aggregate.watermarkMs]).toEqual([0, -1, null])
  addAll(aggregate, [at(0), at(20 * minute)])
  expect([aggregate.groupCount, aggregate.lastOffset, aggregate.watermarkMs]).toEqual([2, 101, 10 * minute])

  aggregate.clear()

  expect(aggregate.groupCount).toBe(0)
  expect(rowList(aggregate.toRows(7))).toEqual([])
  expect(aggregate.watermarkMs).toBe(10 * minute)
  expect(addAll(aggregate, [at(0, { value: 2 })])).toMatchObject([
    { count: 1, lateCount: 1, firstOffset: 100, valueSum: 2, valueMin: 2 },
  ])
})

it('keeps tens of thousands of groups apart', () => {
  const aggregate = createAggregate(plainOptions)
  const events = Array.from({ length: 40_000 }, (_, number) =>
    at((number % 20_000) * minute, { eventType: number % 2 === 0 ? 'a' : 'b', value: number }),
  )

  const rows = addAll(aggregate, events)

  expect(rows).toHaveLength(20_000)
  expect(rows.every((row) => row.count === 2 && row.valueMax === (row.valueMin ?? 0) + 20_000)).toBe(true)
})

it('agrees with a plain grouping of the decoded events', () => {
  const dimensions = 'c=properties.c,d=properties.d'
  const settings = { ...plainSettings, dimensions: parseDimensions(dimensions) }
  const anyOne = fc.record({
    eventType: fc.constantFrom('a', 'b', 'c'),
    timestampMs: fc.integer({ min: -5 * minute, max: 5 * minute }),
    value: fc.option(fc.integer({ min: -1_000, max: 1_000 })),
    properties: fc.constantFrom(null, '{"c":"x"}', '{"c":"y","d":1}', '{"d":1,"c":"x"}'),
  })

  fc.assert(
    fc.property(fc.array(anyOne), fc.constantFrom(1, 1_000, minute, 7 * minute), (list, windowMs) => {
      const events = list.map((one) => anEvent(one))
      const options = { windowMs, allowedLatenessMs: minute, resumeWatermarkMs: null, dimensionCount: 2 }

      const rows = addAll(createAggregate(options), events, dimensions)

      expect(new Map(rows.map((row) => [keyOf(row), totalsOf(row)]))).toEqual(plainGroups(events, windowMs))
    }),
  )

  function plainGroups(events: Event[], windowMs: number): Map<string, Totals> {
    const decoder = createEventDecoder(settings)
    const groups = new Map<string, Totals>()
    let latestMs = Number.NEGATIVE_INFINITY
    for (const event of events) {
      const parsed = decoder.decode(encodeEvent(event, 'json'), '', -1)
      if (parsed.kind === 'rejected') throw new Error(parsed.message)
      const { eventType, timestampMs, value } = parsed.event
      const windowStartMs = Math.floor(timestampMs / windowMs) * windowMs
      const key = keyOf({ eventType, windowStartMs, dimensions: dimensionValues(event, settings.dimensions) })
      const totals = groups.get(key) ?? emptyTotals()
      groups.set(key, totals)
      totals.count++
      if (timestampMs < latestMs - minute) totals.lateCount++
      if (value !== null) addValue(totals, value)
      latestMs = Math.max(latestMs, timestampMs)
    }
    return groups
  }

  function keyOf({
    eventType,
    windowStartMs,
    dimensions,
  }: Pick<TableRow, 'eventType' | 'windowStartMs' | 'dimensions'>): string {
    return JSON.stringify([eventType, windowStartMs + 0, dimensions])
  }

  function totalsOf({ count, lateCount, valueCount, valueSum, valueSumLo, ...row }: TableRow): Totals {
    const valueMin = row.valueMin ?? Number.POSITIVE_INFINITY
    const valueMax = row.valueMax ?? Number.NEGATIVE_INFINITY
    return { count, lateCount, valueCount, valueSum, valueSumLo, valueMin, valueMax }
  }
})
