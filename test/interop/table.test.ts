import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../storage/index.ts'
import { progressActions, rowsOf, type Table, type TableBinding, type TableRow } from '../../table/index.ts'
import {
  aBinding,
  aRow,
  compareRows,
  minuteMs,
  openInlineTable,
  scannedRows,
  someTags,
} from '../fixtures/table.ts'
import { deltaRsUnavailable, fetchDeltaRs, readByDeltaRs } from './delta-rs.ts'
import { queryDuckDb } from './duckdb.ts'

const dayMs = 24 * 60 * minuteMs
const types = [
  'click',
  'A/A',
  'a b',
  '100%',
  'a=b',
  'c:d?#',
  'é日本',
  '🎉',
  'x'.repeat(128),
  `it's "q"`,
  'Click',
]
const partitionings: [TableBinding['partitionBy']][] = [
  [['event_type']],
  [['date']],
  [['event_type', 'date']],
  [[]],
]

const root = await mkdtemp(join(tmpdir(), 'dataflow-table-'))
afterAll(() => rm(root, { recursive: true }))

const noDeltaRs = await deltaRsUnavailable()
if (noDeltaRs !== null) {
  if (process.env.CI) throw new Error(noDeltaRs)
  console.warn(`SKIPPED: ${noDeltaRs}`)
}

describe('DuckDB', () => {
  it.each(partitionings)('reads the files named by the log, partitioned by %j', async (partitionBy) => {
    const { path, list } = await writtenTable(partitionBy)

    const found: Record<string, unknown>[] = []
    for (const { path: file, partitionValues } of await addsOf(path)) {
      const rows = await queryDuckDb(
        `select *, epoch_ms(window_start) as ms from read_parquet('${file.replaceAll("'", "''")}', hive_partitioning = false)`,
      )
      found.push(...rows.map((row) => ({ ...row, ...partitionValues })))
    }

    expect(found.map(fromDuckDb).sort(compareRows)).toEqual(list)
    expect(new Set(found.map(({ date, ms }) => date === dateOf(Number(ms))))).toEqual(new Set([true]))
  })
})

describe.skipIf(noDeltaRs !== null)('delta-rs', () => {
  beforeAll(fetchDeltaRs, 300_000)

  it.each(partitionings)('reads the table, partitioned by %j', async (partitionBy) => {
    const { path, list } = await writtenTable(partitionBy)

    const view = await readByDeltaRs(path)

    expect(view.rows.map(fromDeltaRs).sort(compareRows)).toEqual(list)
    expect(view.rows.every((row) => row.date === dateOf(Number(row.window_start)))).toBe(true)
    expect(view.txn).toBe(77)
    expect(view.types).toEqual({
      event_type: 'string',
      date: 'date32[day]',
      window_start: 'timestamp[us, tz=UTC]',
      country: 'string',
      kafka_partition: 'int32',
      first_offset: 'int64',
      last_offset: 'int64',
      count: 'int64',
      late_count: 'int64',
      value_count: 'int64',
      value_sum: 'double',
      value_sum_lo: 'double',
      value_min: 'double',
      value_max: 'double',
      users_sketch: 'binary',
      values_sketch: 'binary',
    })
  })

  it.each(partitionings)('may compact it under us, partitioned by %j', async (partitionBy) => {
    const { path, table, list } = await writtenTable(partitionBy)
    const filesBefore = table.snapshot().files.size

    const view = await readByDeltaRs(path, 'compact')
    await table.refresh()

    expect(view.version).toBe(table.snapshot().version)
    expect(table.snapshot().files.size).toBeLessThan(filesBefore)
    expect(await scannedRows(table)).toEqual(list)
    const more = aRow({ eventType: 'A/A', windowStartMs: 5 * dayMs, dimensions: [null] })
    await append(table, [more])
    expect(await scannedRows(table)).toEqual([...list, more].sort(compareRows))
    expect((await readByDeltaRs(path)).rows).toHaveLength(list.length + 1)
  })
})

/** Two commits of every odd type, with nulls, days before 1970 and counts up to 2^53. */
async function writtenTable(
  partitionBy: TableBinding['partitionBy'],
): Promise<{ path: string; table: Table; list: TableRow[] }> {
  const path = await mkdtemp(join(root, 'table-'))
  const binding = aBinding({ dimensions: ['country'], partitionBy })
  const table = await openInlineTable(await openStore(`file:${path}`), { binding })
  const [first, second] = [0, 1].map((batch) =>
    types.flatMap((eventType, n) => [
      aRow({ eventType, windowStartMs: n * minuteMs, dimensions: ['🎉'], firstOffset: batch }),
      aRow({
        eventType,
        windowStartMs: -minuteMs,
        dimensions: [null],
        kafkaPartition: 3,
        firstOffset: 2 ** 53 - 3 + batch,
        lastOffset: 2 ** 53 - 1,
        count: 2 ** 53 - 1,
        lateCount: n,
        valueCount: 2,
        valueSum: 0.1 + n,
        valueSumLo: 1e-18,
        valueMin: -1.5e300,
        valueMax: n / 3,
      }),
    ]),
  )
  await append(table, first ?? [])
  await append(table, second ?? [])
  return { path, table, list: [...(first ?? []), ...(second ?? [])].sort(compareRows) }
}

async function append(table: Table, list: TableRow[]): Promise<void> {
  const files = await table.writeFiles(rowsOf(list, 1), someTags)
  const progress = progressActions(table.binding, [{ partition: 0, nextOffset: 77 }])
  await table.commit(() => ({ actions: [...files, ...progress], info: {} }))
}

/** The log as any reader sees it, by code of its own. */
async function addsOf(table: string): Promise<{ path: string; partitionValues: Record<string, string> }[]> {
  const log = join(table, '_delta_log')
  const names = (await readdir(log)).filter((name) => name.endsWith('.json')).sort()
  const lines = (await Promise.all(names.map((name) => readFile(join(log, name), 'utf8')))).flatMap((text) =>
    text.trim().split('\n'),
  )
  type Line = { add?: { path: string; partitionValues: Record<string, string> } }
  return lines.flatMap((line) => {
    const { add } = JSON.parse(line) as Line
    return add
      ? [{ path: join(table, decodeURIComponent(add.path)), partitionValues: add.partitionValues }]
      : []
  })
}

function fromDuckDb(row: Record<string, unknown>): TableRow {
  return fromDeltaRs({ ...row, window_start: row.ms })
}

function fromDeltaRs(row: Record<string, unknown>): TableRow {
  const optional = (value: unknown): number | null => (value === null ? null : Number(value))
  return {
    eventType: String(row.event_type),
    windowStartMs: Number(row.window_start),
    dimensions: [row.country === null ? null : String(row.country)],
    kafkaPartition: Number(row.kafka_partition),
    firstOffset: Number(row.first_offset),
    lastOffset: Number(row.last_offset),
    count: Number(row.count),
    lateCount: Number(row.late_count),
    valueCount: Number(row.value_count),
    valueSum: Number(row.value_sum),
    valueSumLo: Number(row.value_sum_lo),
    valueMin: optional(row.value_min),
    valueMax: optional(row.value_max),
  }
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
