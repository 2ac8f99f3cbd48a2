import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createEventParser, parseEventMap } from '../../events/index.ts'
import { createEventGenerator } from '../../samples/generator.ts'
import { sampleNdjson } from '../../samples/sample-file.ts'
import { countRawLines } from '../fixtures/raw-count.ts'

const path = resolve(import.meta.dirname, '../../samples/events.ndjson.gz')
const committed = gunzipSync(readFileSync(path))

describe('the committed sample', () => {
  it('is what the generator makes, byte for byte', () => {
    expect(sampleNdjson().equals(committed)).toBe(true)
  })

  it('holds 50,000 events and 40 lines that are none, told apart without our parser', () => {
    const { totals, bad } = countRawLines(path)

    expect(Object.values(totals).reduce((sum, count) => sum + count, 0)).toBe(50_000)
    expect(bad).toBe(40)
    expect(Object.keys(totals).sort()).toEqual([
      'add_to_cart',
      'click',
      'error',
      'login',
      'purchase',
      'search',
      'signup',
      'view',
    ])
  })

  it('has five bad lines of each of eight kinds, by our parser', () => {
    const reasons: Record<string, number> = {}
    for (const line of linesOf(committed)) {
      const parsed = parser.parse(line, 'x')
      if (parsed.kind === 'rejected') reasons[parsed.reason] = (reasons[parsed.reason] ?? 0) + 1
    }

    expect(reasons).toEqual({
      not_json: 5,
      not_an_object: 5,
      missing_event_type: 5,
      bad_event_type: 5,
      missing_timestamp: 5,
      bad_timestamp: 5,
      bad_value: 5,
      invalid_utf8: 5,
    })
  })

  it('covers seven days, in an order that strays by minutes at most', () => {
    let latestMs = Number.NEGATIVE_INFINITY
    let strayMs = 0
    let steps = 0
    const days = new Set<string>()
    for (const line of linesOf(committed)) {
      const parsed = parser.parse(line, 'x')
      if (parsed.kind === 'rejected') continue
      const { timestampMs } = parsed.event
      days.add(new Date(timestampMs).toISOString().slice(0, 10))
      if (timestampMs < latestMs) steps++
      strayMs = Math.max(strayMs, latestMs - timestampMs)
      latestMs = Math.max(latestMs, timestampMs)
    }

    expect([...days].sort()).toEqual([1, 2, 3, 4, 5, 6, 7].map((day) => `2025-09-0${day}`))
    expect(steps).toBeGreaterThan(3_000)
    expect(strayMs).toBeGreaterThan(60_000)
    expect(strayMs).toBeLessThan(5 * 60_000)
  })
})

describe('the generator', () => {
  it('makes the same events from the same seed, and others from another', () => {
    const first = createEventGenerator(7)
    const again = createEventGenerator(7)
    const other = createEventGenerator(8)
    const times = Array.from({ length: 100 }, (_, at) => 1_000_000 + at)

    const events = times.map(first.next)

    expect(times.map(again.next)).toEqual(events)
    expect(times.map(other.next)).not.toEqual(events)
  })

  it('is skewed: far more views than purchases, and few countries with most customers', () => {
    const generator = createEventGenerator(1)
    const counts = new Map<string, number>()
    for (let at = 0; at < 20_000; at++) {
      const { eventType, properties } = generator.next(0)
      const { country } = JSON.parse(properties ?? '{}')
      for (const key of [eventType, country]) counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    const of = (key: string): number => counts.get(key) ?? 0

    expect(of('view')).toBeGreaterThan(10 * of('purchase'))
    expect(of('SE')).toBeGreaterThan(5 * of('PL'))
    expect(of('IN')).toBeGreaterThan(0)
  })

  it('never makes an event that happens after it arrives', () => {
    const generator = createEventGenerator(3)
    const delays = Array.from({ length: 10_000 }, () => -generator.next(0).timestampMs)

    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...delays)).toBeLessThan(300_000)
  })
})

const parser = createEventParser({ map: parseEventMap(''), timezone: 'UTC' })

function* linesOf(text: Buffer): Generator<Buffer> {
  let start = 0
  for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
    yield text.subarray(start, end)
    start = end + 1
  }
}
