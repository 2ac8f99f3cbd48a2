import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../runtime/log.ts'
import { createMemoryStore, type ObjectStore } from '../../storage/index.ts'
import {
  openTableForReading,
  progressActions,
  readProgress,
  rowsOf,
  type Table,
  type TableBinding,
  type TableRow,
} from '../../table/index.ts'
import {
  aBinding,
  anAdd,
  aRow,
  compareRows,
  createHurriedClock,
  minuteMs,
  openInlineTable,
  scannedRows,
  someTags,
} from '../fixtures/table.ts'

const dayMs = 24 * 60 * minuteMs
const partitionings: TableBinding['partitionBy'][] = [['event_type'], ['date'], ['event_type', 'date'], []]

describe('rows that were written', () => {
  it.each(partitionings.map((partitionBy) => [partitionBy]))(
    'come back whole, partitioned by %j',
    async (...by) => {
      const [partitionBy] = by
      const types = [
        'click',
        '',
        'A/A',
        'a b',
        '100%',
        'a=b',
        'é日本',
        '🎉',
        'x'.repeat(128),
        'it\'s "q" \\ ..',
        'Click',
      ]
      const list = types.flatMap((eventType, n) => [
        aRow({ eventType, windowStartMs: n * minuteMs, dimensions: ['DE', null] }),
        aRow({
          eventType,
          windowStartMs: -dayMs * n - minuteMs,
          dimensions: [null, ''],
          kafkaPartition: 3,
          firstOffset: 2 ** 53 - 3,
          lastOffset: 2 ** 53 - 2,
          count: 2 ** 53 - 1,
          lateCount: 2 ** 52,
          valueCount: 2,
          valueSum: -1.5e300,
          valueSumLo: 5e-324,
          valueMin: -1.7e308,
          valueMax: -0.5,
        }),
        aRow({ eventType, windowStartMs: 253_402_300_740_000, kafkaPartition: 1, dimensions: ['🎉', 'é'] }),
      ])
      const store = createMemoryStore()
      const table = await openInlineTable(store, {
        binding: aBinding({ dimensions: ['country', 'device'], partitionBy }),
      })

      await append(table, list)

      expect(await scannedRows(await reading(store))).toEqual(list.sort(compareRows))
    },
  )

  it('come back for any rows there are', { timeout: 60_000 }, async () => {
    const count = fc.maxSafeNat()
    const row = fc.record({
      eventType: fc
        .string({ minLength: 1, maxLength: 20, unit: 'binary' })
        .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text)),
      windowStartMs: fc.integer({ min: -1e13, max: 2e14 }),
      dimensions: fc.tuple(
        fc.option(fc.string({ maxLength: 5, unit: 'binary' }).filter((text) => !/\p{Cs}/u.test(text))),
      ),
      kafkaPartition: fc.nat({ max: 3 }),
      firstOffset: count,
      lastOffset: count,
      count,
      lateCount: count,
      valueCount: fc.constant(1),
      valueSum: fc.double({ noNaN: true, noDefaultInfinity: true }),
      valueSumLo: fc.double({ noNaN: true, noDefaultInfinity: true }),
      valueMin: fc.double({ noNaN: true, noDefaultInfinity: true }),
      valueMax: fc.double({ noNaN: true, noDefaultInfinity: true }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            row,
            row.map((one) => ({ ...one, valueCount: 0, valueMin: null, valueMax: null })),
          ),
          { maxLength: 12 },
        ),
        fc.constantFrom(...partitionings),
        async (list, partitionBy) => {
          const store = createMemoryStore()
          const table = await openInlineTable(store, {
            binding: aBinding({ dimensions: ['d'], partitionBy }),
          })

          await append(table, list)

          const found = await scannedRows(await reading(store))
          expect(found.map((one) => JSON.stringify(one)).sort()).toEqual(
            list.map((one) => JSON.stringify(one)).sort(),
          )
        },
      ),
      { numRuns: 10 },
    )
  })

  it('are seen in whole commits only, and an older snapshot stays what it was', async () => {
    const store = createMemoryStore()
    const table = await openInlineTable(store)
    await append(table, [aRow({ count: 1 })])
    const older = table.snapshot()
    const files = await table.writeFiles(
      rowsOf([aRow({ count: 2 }), aRow({ eventType: 'view', count: 4 })], 0),
      someTags,
    )

    expect(await counts(table)).toEqual([1])
    await table.commit(() => ({ actions: files, info: {} }))
    expect(await counts(table)).toEqual([1, 2, 4])
    expect(await counts(table, { snapshot: older })).toEqual([1])
  })

  it('make no file when there are none', async () => {
    const table = await openInlineTable(createMemoryStore())

    expect(await table.writeFiles(rowsOf([], 0), someTags)).toEqual([])
  })

  it('are uploaded again when the store fails for a moment', async () => {
    let failures = 3
    const store = createMemoryStore({
      faults: (operation) => (operation === 'put' && failures-- > 0 ? 'unavailable' : undefined),
    })
    const table = await openInlineTable(store)

    await append(table, [aRow({ count: 5 }), aRow({ eventType: 'view', count: 6 })])

    expect(await counts(table)).toEqual([5, 6])
  })

  it('are not silently left out when the store keeps failing', async () => {
    const store = createMemoryStore({
      faults: (operation) => (operation === 'put' ? 'unavailable' : undefined),
    })
    const table = await openInlineTable(store)

    await expect(table.writeFiles(rowsOf([aRow()], 0), someTags)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    })
  })
})

describe('a scan', () => {
  // windows   0  1  2 … 19,999 minutes; types alternate; three row groups a file
  const many = Array.from({ length: 20_000 }, (_, n) =>
    aRow({ eventType: n % 2 ? 'view' : 'click', windowStartMs: n * minuteMs, count: n }),
  )

  it.each(partitionings.map((partitionBy) => [partitionBy]))(
    'keeps exactly the rows that match, partitioned by %j',
    async (...by) => {
      const [partitionBy] = by
      const table = await openInlineTable(createMemoryStore(), { binding: aBinding({ partitionBy }) })
      await append(table, many)
      const query = { eventTypes: ['view', 'nothing'], fromMs: 4_999 * minuteMs, toMs: 5_004 * minuteMs }

      expect(await counts(table, query)).toEqual([4_999, 5_001, 5_003])
      expect(await counts(table, { fromMs: 19_998 * minuteMs })).toEqual([19_998, 19_999])
      expect(await counts(table, { eventTypes: ['nothing'] })).toEqual([])
      expect(await counts(table)).toHaveLength(20_000)
    },
  )

  it('finds types that statistics cut short', async () => {
    const table = await openInlineTable(createMemoryStore(), { binding: aBinding({ partitionBy: [] }) })
    const types = ['é'.repeat(120), `${'é'.repeat(120)}x`, '🎉'.repeat(64)]
    await append(
      table,
      types.map((eventType, count) => aRow({ eventType, count })),
    )

    for (const [count, eventType] of types.entries())
      expect(await counts(table, { eventTypes: [eventType] })).toEqual([count])
  })

  it('gives only the columns asked for', async () => {
    const table = await openInlineTable(createMemoryStore())
    await append(table, [aRow({ windowStartMs: 0, count: 3 }), aRow({ windowStartMs: minuteMs, count: 4 })])
    const blocks: unknown[] = []

    for await (const block of table.scan({ toMs: minuteMs }, ['eventType', 'count'])) {
      blocks.push([block.length, block.eventType, [...block.count]])
    }

    expect(blocks).toEqual([[1, ['click'], [3]]])
  })

  it('reads a small file with one request, and nothing again while it is cached', async () => {
    const reads: string[] = []
    const store = createMemoryStore({
      faults: (operation, key) => {
        if (operation === 'get' && key.endsWith('.parquet')) reads.push(key)
        return undefined
      },
    })
    const table = await openInlineTable(store)
    await append(table, [aRow(), aRow({ eventType: 'view' })])

    await counts(table)
    expect(reads).toHaveLength(2)
    await counts(table)
    await counts(table, { eventTypes: ['click'] })
    expect(reads).toHaveLength(2)
  })

  it('fetches of a large file only the columns and row groups it needs', async () => {
    let bytes = 0
    const memory = createMemoryStore()
    const store: ObjectStore = {
      ...memory,
      async get(key, range) {
        const body = await memory.get(key, range)
        if (key.endsWith('.parquet')) bytes += body.length
        return body
      },
    }
    const table = await openInlineTable(store, { binding: aBinding({ partitionBy: [] }) })
    const random = many.map((row, n) =>
      aRow({ ...row, valueCount: 1, valueSum: Math.sin(n), valueMin: Math.cos(n), valueMax: Math.tan(n) }),
    )
    const [file] = await append(table, random)

    for await (const block of table.scan({ eventTypes: ['click'], toMs: minuteMs }, ['count']))
      expect(block.length).toBe(1)

    expect(file?.size).toBeGreaterThan(400_000)
    expect(bytes).toBeLessThan((file?.size ?? 0) / 2)
  })

  it('tells of a file that cannot be read', async () => {
    const store = createMemoryStore()
    const table = await openInlineTable(store)
    await table.commit(() => ({
      actions: [anAdd('gone', { partitionValues: { event_type: 'a' } }), anAdd('gone-too')],
      info: {},
    }))

    await expect(counts(table)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
  })
})

describe('opening', () => {
  it('finds no table to read where there is none', async () => {
    expect(await openTableForReading({ store: createMemoryStore(), log: silentLogger })).toBeNull()
  })

  it('makes a table that says what it is bound to', async () => {
    const store = createMemoryStore()
    const binding = aBinding({ dimensions: ['country'], partitionBy: ['event_type', 'date'] })

    const { metaData, protocol, version } = (await openInlineTable(store, { binding })).snapshot()

    expect(version).toBe(0)
    expect(protocol).toEqual({ kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 })
    expect(metaData.partitionColumns).toEqual(['event_type', 'date'])
    expect(metaData.configuration).toEqual({
      'dataflow.format': '1',
      'dataflow.topic': 'events',
      'dataflow.group': 'dataflow',
      'dataflow.clusterId': 'cluster-1',
      'dataflow.windowMs': '60000',
      'dataflow.dimensions': 'country',
      'delta.deletedFileRetentionDuration': 'interval 1 hours',
      'delta.logRetentionDuration': 'interval 7 days',
    })
    expect((await reading(store)).binding).toEqual(binding)
  })

  it('makes one table when many processes start at once', async () => {
    const store = createMemoryStore()

    const tables = await Promise.all(Array.from({ length: 8 }, () => openInlineTable(store)))

    expect(new Set(tables.map((table) => table.snapshot().metaData.id)).size).toBe(1)
    expect((await reading(store)).snapshot().version).toBe(0)
  })

  it.each<[string, Partial<TableBinding>, string]>([
    ['KAFKA_TOPIC', { topic: 'other' }, '"events", this process "other"'],
    ['KAFKA_GROUP_ID', { group: 'other' }, '"dataflow", this process "other"'],
    ['WINDOW_SIZE', { windowMs: 1_000 }, '"60000 ms", this process "1000 ms"'],
    ['DIMENSIONS', { dimensions: ['country'] }, '"", this process "country"'],
    ['PARTITION_BY', { partitionBy: ['date'] }, '"event_type", this process "date"'],
    ['KAFKA_BROKERS', { clusterId: 'other' }, '"cluster cluster-1", this process "cluster other"'],
  ])(
    'refuses a table with another %s, naming both values and what to do',
    async (setting, wanted, values) => {
      const store = createMemoryStore()
      await openInlineTable(store)

      const opening = openInlineTable(store, { binding: aBinding(wanted) })

      await expect(opening).rejects.toMatchObject({ code: 'SETUP', remedy: 'stop' })
      await expect(opening).rejects.toThrow(`${setting}: the table has ${values}`)
      await expect(opening).rejects.toThrow(
        `Set ${setting} back to what the table has, or set TABLE_URL to an empty prefix`,
      )
    },
  )

  it('refuses a Delta table that another program made', async () => {
    const store = createMemoryStore()
    const lines = [
      '{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}',
      '{"metaData":{"id":"i","format":{"provider":"parquet"},"schemaString":"{}","partitionColumns":[]}}',
    ]
    await store.put('_delta_log/00000000000000000000.json', new TextEncoder().encode(lines.join('\n')))

    await expect(openInlineTable(store)).rejects.toThrow(
      'is not a DataFlow table; set TABLE_URL to an empty prefix',
    )
    await expect(openTableForReading({ store, log: silentLogger })).rejects.toThrow('is not a DataFlow table')
  })

  it.each([['count'], ['Event_Type'], ['a b'], ['']])('refuses a dimension named %j', async (name) => {
    await expect(
      openInlineTable(createMemoryStore(), { binding: aBinding({ dimensions: [name] }) }),
    ).rejects.toThrow('DIMENSIONS')
  })
})

it('carries progress in the commit of the rows', async () => {
  const store = createMemoryStore()
  const table = await openInlineTable(store)
  const files = await table.writeFiles(rowsOf([aRow()], 0), someTags)

  await table.commit(() => ({
    actions: [
      ...files,
      ...progressActions(table.binding, [{ partition: 0, nextOffset: 1, watermarkMs: -60_000 }]),
    ],
    info: {},
  }))

  const reader = await reading(store)
  expect(readProgress(reader.snapshot(), reader.binding).get(0)).toMatchObject({
    nextOffset: 1,
    watermarkMs: -60_000,
  })
  expect(await scannedRows(reader)).toHaveLength(1)
})

async function append(table: Table, list: TableRow[]): Promise<{ size: number }[]> {
  const files = await table.writeFiles(rowsOf(list, table.binding.dimensions.length), someTags)
  await table.commit(() => ({ actions: files, info: {} }))
  return files
}

async function reading(
  store: ObjectStore,
): Promise<NonNullable<Awaited<ReturnType<typeof openTableForReading>>>> {
  const reader = await openTableForReading({ store, log: silentLogger, clock: createHurriedClock() })
  if (!reader) throw new Error('there is no table')
  return reader
}

async function counts(table: Table, query: Parameters<Table['scan']>[0] = {}): Promise<number[]> {
  const found: number[] = []
  for await (const block of table.scan(query, ['count'])) found.push(...block.count)
  return found.sort((a, b) => a - b)
}
