import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { aRow, minuteMs } from '../fixtures/table.ts'
import { type ApiUnderTest, startApi } from './api-under-test.ts'

let api: ApiUnderTest
beforeEach(async () => {
  api = await startApi()
})
afterEach(() => api.close())

// minute        0          1          2          3
// click    [ 3+2 in 2 rows )[ 10, 1 late )
// purchase                             [ 4, values )
// watermark                            2
async function commitThreeMinutes(): Promise<void> {
  await api.commit(
    [
      aRow({ count: 3, firstOffset: 0, lastOffset: 2 }),
      aRow({ count: 10, lateCount: 1, windowStartMs: minuteMs, firstOffset: 3, lastOffset: 12 }),
      aRow({ count: 2, kafkaPartition: 1, firstOffset: 0, lastOffset: 1 }),
      aRow({
        eventType: 'purchase',
        count: 4,
        windowStartMs: 2 * minuteMs,
        valueCount: 3,
        valueSum: 1e16,
        valueSumLo: 1,
        valueMin: -2.5,
        valueMax: 1e16,
        firstOffset: 13,
        lastOffset: 16,
      }),
    ],
    [
      { partition: 0, nextOffset: 17, watermarkMs: 2 * minuteMs + 1 },
      { partition: 1, nextOffset: 2, watermarkMs: 2 * minuteMs },
    ],
  )
}

describe('GET /analytics/events', () => {
  it('adds up the rows of a type over windows and Kafka partitions', async () => {
    await commitThreeMinutes()

    const { status, headers, body } = await api.get('/analytics/events?event_type=click')

    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(body).toEqual({
      event_type: 'click',
      total_events: 15,
      as_of: expect.stringMatching(/^1970-01-01T00:16:4\d/),
      watermark: '1970-01-01T00:02:00Z',
      complete: false,
    })
  })

  it.each([
    ['from=1970-01-01T00:01:00Z', 10, false],
    ['to=1970-01-01T00:01:00Z', 5, true],
    ['from=1970-01-01T00:00:00Z&to=1970-01-01T00:02:00Z', 15, true],
    ['from=1970-01-01T01:01:00%2B01:00&to=1970-01-01T00:02:00Z', 10, true],
    ['from=1970-01-01T00:02:00Z&to=1970-01-01T00:03:00Z', 0, false],
    ['from=1969-01-01T00:00:00Z&to=1970-01-01T00:00:00Z', 0, true],
  ])('counts the interval [from, to): %s', async (interval, total, complete) => {
    await commitThreeMinutes()

    const { body } = await api.get(`/analytics/events?event_type=click&${interval}`)

    expect(body).toMatchObject({ total_events: total, complete })
  })

  it('is complete without an end once every partition is quiet', async () => {
    await commitThreeMinutes()
    await api.commit(
      [],
      [
        { partition: 0, idleAtOffset: 17 },
        { partition: 1, idleAtOffset: 2 },
      ],
    )

    const { body } = await api.get('/analytics/events?event_type=click')

    expect(body).toMatchObject({ total_events: 15, watermark: '1970-01-01T00:03:00Z', complete: true })
  })

  it('says that totals are provisional while a rewind is refilled', async () => {
    await commitThreeMinutes()
    await api.commit([], [{ partition: 0, nextOffset: 3, rewindTo: 17 }])

    const { body } = await api.get('/analytics/events?event_type=click&to=1970-01-01T00:01:00Z')

    expect(body).toMatchObject({ complete: false, reprocessing: true })
  })

  it('answers 0 before there is a table and while it is empty, and follows it from then on', async () => {
    const nothing = { event_type: 'click', total_events: 0, watermark: null, complete: false }

    expect((await api.get('/analytics/events?event_type=click')).body).toEqual({ ...nothing, as_of: null })
    await api.commit([])
    expect((await api.get('/analytics/events?event_type=click')).body).toEqual({
      ...nothing,
      as_of: expect.any(String),
    })
    await commitThreeMinutes()
    expect((await api.get('/analytics/events?event_type=click')).body).toMatchObject({ total_events: 15 })
    await api.commit([aRow({ firstOffset: 17, lastOffset: 17 })])
    expect((await api.get('/analytics/events?event_type=click')).body).toMatchObject({ total_events: 16 })
  })

  it('forgets a table that was deleted, and counts the next one', async () => {
    await commitThreeMinutes()
    await api.get('/analytics/events?event_type=click')

    await api.deleteTable()
    expect((await api.get('/analytics/events?event_type=click')).body).toMatchObject({
      total_events: 0,
      as_of: null,
    })
    await api.commit([aRow({ count: 8 })])

    expect((await api.get('/analytics/events?event_type=click')).body).toMatchObject({ total_events: 8 })
  })

  it('names the nearest types when no event ever had the one asked for', async () => {
    await commitThreeMinutes()

    const { status, headers, body } = await api.get('/analytics/events?event_type=Clicks')

    expect(status).toBe(404)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(body).toEqual({
      type: 'urn:dataflow:problem:unknown-event-type',
      title: 'Unknown event type',
      status: 404,
      code: 'UNKNOWN_EVENT_TYPE',
      detail: 'no event of type Clicks has been counted; did you mean click?',
      nearest_types: ['click'],
    })
  })

  it('takes any type that an event may have', async () => {
    const odd = 'a/b=%2F é 😀 +&?#'
    await api.commit([aRow({ eventType: odd, count: 7 })])

    const { body } = await api.get(`/analytics/events?event_type=${encodeURIComponent(odd)}`)

    expect(body).toMatchObject({ event_type: odd, total_events: 7 })
  })

  it.each([
    ['', [{ parameter: 'event_type', detail: 'is required, such as event_type=click' }]],
    ['?event_type=', [{ parameter: 'event_type', detail: 'is required, such as event_type=click' }]],
    ['?event_type=a&event_type=b', [{ parameter: 'event_type', detail: 'is given more than once' }]],
    [
      '?event_type=%00',
      [{ parameter: 'event_type', detail: 'must have at most 128 characters and no control characters' }],
    ],
    ['?event_type=a&form=x', [{ parameter: 'form', detail: 'is not known; did you mean from?' }]],
    [
      '?from=now&to=2026-03-01',
      [
        { parameter: 'event_type', detail: expect.stringContaining('is required') },
        { parameter: 'from', detail: expect.stringContaining('RFC 3339') },
        { parameter: 'to', detail: expect.stringContaining('a date alone has no time zone') },
      ],
    ],
    [
      '?event_type=click&from=1970-01-01T00:02:00Z&to=1970-01-01T00:02:00Z',
      [{ parameter: 'to', detail: 'must be later than from; the interval is [from, to)' }],
    ],
    [
      '?event_type=click&from=1970-01-01T00:00:30Z&to=1970-01-01T00:02:00.001Z',
      [
        {
          parameter: 'from',
          detail: 'must fall on a window of 60000 ms, such as 1970-01-01T00:00:00Z or 1970-01-01T00:01:00Z',
        },
        { parameter: 'to', detail: expect.stringContaining('1970-01-01T00:02:00Z') },
      ],
    ],
  ])('refuses the query %j and points at the parameters', async (query, errors) => {
    await commitThreeMinutes()

    const { status, headers, body } = await api.get(`/analytics/events${query}`)

    expect(status).toBe(400)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(body).toMatchObject({ code: 'INVALID_PARAMETER', status: 400, errors })
  })
})

describe('GET /analytics/types', () => {
  it('gives the totals of every type, most events first', async () => {
    await commitThreeMinutes()

    const { status, body } = await api.get('/analytics/types')

    expect(status).toBe(200)
    expect(body).toEqual({
      types: [
        {
          event_type: 'click',
          total_events: 15,
          late_events: 1,
          value_count: 0,
          value_sum: null,
          value_min: null,
          value_max: null,
          first_window: '1970-01-01T00:00:00Z',
          last_window: '1970-01-01T00:01:00Z',
        },
        {
          event_type: 'purchase',
          total_events: 4,
          late_events: 0,
          value_count: 3,
          value_sum: 1e16, // 1e16 + 1, rounded once
          value_min: -2.5,
          value_max: 1e16,
          first_window: '1970-01-01T00:02:00Z',
          last_window: '1970-01-01T00:02:00Z',
        },
      ],
      as_of: expect.any(String),
      watermark: '1970-01-01T00:02:00Z',
      complete: false,
    })
  })

  it('keeps what each row rounded away until the end', async () => {
    const part = { eventType: 'pay', valueCount: 1, valueMin: 1, valueMax: 1e16 }
    await api.commit([
      aRow({ ...part, valueSum: 1e16, valueSumLo: 1, firstOffset: 0, lastOffset: 0 }),
      aRow({ ...part, valueSum: 1, windowStartMs: minuteMs, firstOffset: 1, lastOffset: 1 }),
    ])

    const { body } = await api.get('/analytics/types')

    expect(body).toMatchObject({ types: [{ value_sum: 10_000_000_000_000_002, value_count: 2 }] })
  })

  it('leaves out types without events in the interval', async () => {
    await commitThreeMinutes()

    const { body } = await api.get('/analytics/types?from=1970-01-01T00:01:00Z&to=1970-01-01T00:02:00Z')

    expect(body).toMatchObject({ types: [{ event_type: 'click', total_events: 10 }], complete: true })
  })

  it('is empty before there is a table', async () => {
    const { status, body } = await api.get('/analytics/types')

    expect(status).toBe(200)
    expect(body).toEqual({ types: [], as_of: null, watermark: null, complete: false })
  })

  it('takes no type', async () => {
    expect((await api.get('/analytics/types?event_type=click')).status).toBe(400)
  })
})

describe('a table partitioned by date', () => {
  it('knows its types all the same', async () => {
    await api.close()
    api = await startApi({ partitionBy: ['date'] })
    await commitThreeMinutes()

    expect((await api.get('/analytics/events?event_type=click')).body).toMatchObject({ total_events: 15 })
    expect((await api.get('/analytics/events?event_type=clack')).body).toMatchObject({
      nearest_types: ['click'],
    })
  })
})
