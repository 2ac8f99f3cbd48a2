import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { createProduct, eventually, sumOf } from '../pipeline/product.ts'
import { queryDuckDb } from './duckdb.ts'

// Data that nobody here made: departures of US flights, with their own field names and skew (223 airports).
const parquet = resolve(import.meta.dirname, 'node_modules/vega-datasets/data/flights-3m.parquet')
const rows = 200_000
const product = await createProduct({
  EVENT_MAP: 'event_type=origin,timestamp=date,value=delay,user_id=destination',
})
afterAll(() => product.close())

it('gives count, sum, min and max per airport as computed straight from the foreign file', async () => {
  const raw = join(product.home, 'raw')
  await mkdir(raw)
  await queryDuckDb(`copy (
    select strftime(date, '%Y-%m-%dT%H:%M:%SZ') as date, delay, distance, origin, destination
    from (select * from '${parquet}' limit ${rows})
  ) to '${join(raw, 'flights.ndjson')}' (format json)`)
  const expected =
    await queryDuckDb(`select origin, count(*)::double as n, sum(delay)::double as total, min(delay)::double as low, max(delay)::double as high
    from (select * from '${parquet}' limit ${rows}) group by origin order by origin`)
  const up = product.spawn(['up'])

  await eventually(
    () => product.totals(),
    120_000,
    (totals) => sumOf(totals) >= rows,
  )

  const { body } = await product.getJson('/analytics/types')
  const types = body.types as Record<string, unknown>[]
  const seen = types
    .map(({ event_type, total_events, value_sum, value_min, value_max }) => ({
      origin: event_type,
      n: total_events,
      total: value_sum,
      low: value_min,
      high: value_max,
    }))
    .sort((a, b) => (String(a.origin) < String(b.origin) ? -1 : 1))
  expect(seen).toEqual(expected)
  expect((await product.status()).dead_letters).toBe(0)
  up.child.kill('SIGINT')
  expect((await up.ended).code).toBe(0)
})
