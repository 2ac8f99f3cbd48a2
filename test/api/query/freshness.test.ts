import { describe, expect, it } from 'vitest'
import { type Freshness, freshnessAnswer, isComplete } from '../../../api/query/freshness.ts'

const minute = 60_000
// windows    [0 ── 1)[1 ── 2)[2 ── 3)   minutes; the last one with events ends at 3
// watermark                  2
const live: Freshness = {
  asOfMs: 5 * minute,
  watermarkMs: 2 * minute,
  lastWindowEndMs: 3 * minute,
  reprocessing: false,
}
const quiet: Freshness = { ...live, watermarkMs: 3 * minute }

describe('D11: an interval is complete', () => {
  it('once the watermark has reached its end', () => {
    expect(isComplete(live, { fromMs: null, toMs: 2 * minute })).toBe(true)
    expect(isComplete(live, { fromMs: null, toMs: 3 * minute })).toBe(false)
  })

  it('without an end, once all windows with events are closed', () => {
    expect(isComplete(live, { fromMs: null, toMs: null })).toBe(false)
    expect(isComplete(quiet, { fromMs: null, toMs: null })).toBe(true)
    expect(isComplete(quiet, { fromMs: minute, toMs: null })).toBe(true)
  })

  it('never while it begins where nothing is known yet', () => {
    expect(isComplete(quiet, { fromMs: 4 * minute, toMs: null })).toBe(false)
  })

  it('never while the watermark is unknown, the table is empty, or a rewind is being refilled', () => {
    const past = { fromMs: null, toMs: minute }

    expect(isComplete({ ...live, watermarkMs: null }, past)).toBe(false)
    expect(isComplete({ ...live, lastWindowEndMs: null }, past)).toBe(false)
    expect(isComplete({ ...live, reprocessing: true }, past)).toBe(false)
  })
})

it('says in an answer that it is reprocessing only while it is', () => {
  const all = { fromMs: null, toMs: null }

  expect(freshnessAnswer(live, all)).toEqual({
    as_of: '1970-01-01T00:05:00Z',
    watermark: '1970-01-01T00:02:00Z',
    complete: false,
  })
  expect(freshnessAnswer({ ...quiet, reprocessing: true }, all)).toEqual({
    as_of: '1970-01-01T00:05:00Z',
    watermark: '1970-01-01T00:03:00Z',
    complete: false,
    reprocessing: true,
  })
  expect(freshnessAnswer(null, all)).toEqual({ as_of: null, watermark: null, complete: false })
})
