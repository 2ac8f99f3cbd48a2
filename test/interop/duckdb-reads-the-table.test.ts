import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { countRawLines } from '../fixtures/raw-count.ts'
import { createProduct, eventually, sumOf } from '../pipeline/product.ts'
import { queryDuckDb } from './duckdb.ts'

const sample = countRawLines(resolve(import.meta.dirname, '../../samples/events.ndjson.gz'))
const product = await createProduct()
afterAll(() => product.close())

it('DuckDB sums the data files named by the log to the totals of the API', async () => {
  const up = product.spawn(['up'])
  await eventually(
    () => product.totals(),
    60_000,
    (totals) => sumOf(totals) >= 50_000,
  )
  up.child.kill('SIGINT')
  await up.ended

  const files = await liveFiles(join(product.home, 'table'))
  const rows = await queryDuckDb(`select event_type, sum(count)::double as n
    from read_parquet([${files.map((file) => `'${file}'`).join(',')}], hive_partitioning = true) group by event_type`)

  expect(files.length).toBeGreaterThan(0)
  expect(Object.fromEntries(rows.map(({ event_type, n }) => [event_type, n]))).toEqual(sample.totals)
})

/** Reads the log as any Delta reader does: every add that no later remove took back. */
async function liveFiles(table: string): Promise<string[]> {
  const log = join(table, '_delta_log')
  const live = new Set<string>()
  for (const name of (await readdir(log)).filter((each) => each.endsWith('.json')).sort())
    for (const line of (await readFile(join(log, name), 'utf8')).trim().split('\n')) {
      const { add, remove } = JSON.parse(line) as { add?: { path: string }; remove?: { path: string } }
      if (add) live.add(add.path)
      if (remove) live.delete(remove.path)
    }
  return [...live].map((path) => join(table, decodeURIComponent(path)))
}
