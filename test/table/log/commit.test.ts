import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../runtime/log.ts'
import {
  createMemoryStore,
  type ObjectStore,
  openStore,
  type StoreFault,
  type StoreOperation,
} from '../../../storage/index.ts'
import { type Action, openTableForReading, type Table } from '../../../table/index.ts'
import { parseCommit } from '../../../table/log/parse.ts'
import { commitKey } from '../../../table/log/versions.ts'
import { anAdd, createHurriedClock, openInlineTable } from '../../fixtures/table.ts'

const txn = (appId: string, version: number): Action => ({ kind: 'txn', appId, version })

describe('under contention and faults', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    'lands every commit of 8 writers exactly once, seed %i',
    async (seed) => {
      const draw = seededRandom(seed)
      let faulty = false
      const store = createMemoryStore({
        faults: (operation) => (faulty ? drawFault(operation, draw) : undefined),
      })
      const tables = await Promise.all(Array.from({ length: 8 }, () => openInlineTable(store)))
      faulty = true

      await Promise.all(tables.map((table, writer) => commitTimes(table, writer, 6)))

      faulty = false
      const log = await wholeLog(store)
      const expected = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((writer) =>
        [0, 1, 2, 3, 4, 5].map((n) => `w${writer}-${n}`),
      )
      expect((await filesOf(store)).map(([, path]) => path).sort()).toEqual(expected)
      expect(log.map(({ version }) => version)).toEqual(Array.from({ length: 49 }, (_, version) => version))
      const reader = await openTableForReading({ store, log: silentLogger, clock: createHurriedClock() })
      expect(reader?.snapshot().txns.get('counter')).toBe(48)
    },
  )

  it('lands every commit exactly once in a folder', async () => {
    const root = await mkdtemp(join(tmpdir(), 'dataflow-commit-'))
    try {
      const stores = await Promise.all([0, 1, 2, 3].map(() => openStore(`file:${root}`)))
      const tables = await Promise.all(stores.map((store) => openInlineTable(store)))

      await Promise.all(tables.map((table, writer) => commitTimes(table, writer, 6)))

      const [store] = stores
      const found = store ? await filesOf(store) : []
      expect(found.map(([version]) => version)).toEqual(Array.from({ length: 24 }, (_, n) => n + 1))
      expect(new Set(found.map(([, path]) => path)).size).toBe(24)
    } finally {
      await rm(root, { recursive: true })
    }
  })

  /** Each commit adds a file and counts up one shared txn, so that a commit planned on an old state would show. */
  async function commitTimes(table: Table, writer: number, times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      const result = await table.commit((snapshot) => ({
        actions: [anAdd(`w${writer}-${n}`), txn('counter', (snapshot.txns.get('counter') ?? 0) + 1)],
        info: { writer },
      }))
      expect(result.kind).toBe('committed')
    }
  }

  function drawFault(
    operation: StoreOperation,
    draw: () => number,
  ): StoreFault | undefined | Promise<undefined> {
    const chance = draw()
    if (operation !== 'putIfAbsent') {
      return chance < 0.1 ? 'unavailable' : chance < 0.2 ? later(draw).then(() => undefined) : undefined
    }
    if (chance < 0.1) return 'unavailable'
    if (chance < 0.2) return 'lost_answer'
    if (chance < 0.3) return 'false_exists'
    if (chance < 0.4) return { landsAfter: later(draw) }
    return chance < 0.5 ? later(draw).then(() => undefined) : undefined
  }

  /** Some turns of the event loop from now. */
  async function later(draw: () => number): Promise<void> {
    for (let turns = Math.floor(draw() * 40); turns > 0; turns--) await new Promise(setImmediate)
  }
})

describe('an unknown outcome', () => {
  it.each<StoreFault>(['lost_answer', 'false_exists', 'unavailable'])(
    'is settled by reading the log: %s',
    async (fault) => {
      const { store, inject } = createFaultyStore()
      const table = await openInlineTable(store)
      inject('putIfAbsent', fault)

      const result = await table.commit(() => ({ actions: [anAdd('a')], info: {} }))

      expect(result).toMatchObject({ kind: 'committed', version: 1 })
      expect(await filesOf(store)).toEqual([[1, 'a']])
    },
  )

  it('sends the same bytes again, so that a request still in flight does no harm', async () => {
    const { store, inject } = createFaultyStore()
    const table = await openInlineTable(store)
    let land = (): void => {}
    inject('putIfAbsent', { landsAfter: new Promise((resolve) => (land = resolve)) })

    const result = await table.commit(() => ({ actions: [anAdd('a')], info: {} }))
    const body = await store.get(commitKey(1))
    land()
    await new Promise(setImmediate)

    expect(result).toMatchObject({ kind: 'committed', version: 1 })
    expect(await store.get(commitKey(1))).toEqual(body)
    expect(await filesOf(store)).toEqual([[1, 'a']])
  })

  it('is a loss when another writer got there, and the plan is asked anew on the newer state', async () => {
    const { store, inject } = createFaultyStore()
    const [mine, others] = [await openInlineTable(store), await openInlineTable(store)]
    await others.commit(() => ({ actions: [anAdd('theirs'), txn('p', 5)], info: {} }))
    inject('putIfAbsent', 'unavailable')
    const seen: (number | undefined)[] = []

    const result = await mine.commit((snapshot) => {
      seen.push(snapshot.txns.get('p'))
      return { actions: [anAdd('mine')], info: {} }
    })

    expect(seen).toEqual([undefined, 5])
    expect(result).toMatchObject({ kind: 'committed', version: 2 })
    expect(await filesOf(store)).toEqual([
      [1, 'theirs'],
      [2, 'mine'],
    ])
  })

  it('ends with an abort, and only then', async () => {
    const { store, always } = createFaultyStore()
    const table = await openInlineTable(store)
    const stop = new AbortController()
    let calls = 0
    always(() => {
      if (++calls === 40) stop.abort()
      return 'unavailable'
    })

    const given = table.commit(() => ({ actions: [anAdd('a')], info: {} }), { signal: stop.signal })

    await expect(given).rejects.toMatchObject({ code: 'COMMIT_ABANDONED', remedy: 'stop' })
    expect(calls).toBeGreaterThanOrEqual(40)
  })
})

it('refuses when the plan finds its precondition lost after a rebase', async () => {
  const store = createMemoryStore()
  const [mine, others] = [await openInlineTable(store), await openInlineTable(store)]
  await others.commit(() => ({ actions: [txn('p', 5)], info: {} }))

  const result = await mine.commit((snapshot) =>
    snapshot.txns.has('p') ? null : { actions: [anAdd('a'), txn('p', 3)], info: {} },
  )

  expect(result.kind).toBe('refused')
  expect(result.snapshot.txns.get('p')).toBe(5)
  expect(await filesOf(store)).toEqual([])
})

it('gives each commit its own txnId beside the facts of the plan', async () => {
  const store = createMemoryStore()
  const table = await openInlineTable(store)

  for (const _ of [1, 2]) await table.commit(() => ({ actions: [], info: { member: 'm-1' } }))

  const infos = (await wholeLog(store))
    .slice(1)
    .map(({ actions }) => actions.find((a) => a.kind === 'commitInfo')?.info)
  expect(infos.map((info) => info?.member)).toEqual(['m-1', 'm-1'])
  expect(new Set(infos.map((info) => info?.txnId)).size).toBe(2)
})

it('takes the commits of one process one at a time, so that they never lose to each other', async () => {
  const { store, puts } = createFaultyStore()
  const table = await openInlineTable(store)
  const before = puts()

  await Promise.all(
    Array.from({ length: 10 }, () => table.commit(() => ({ actions: [anAdd(randomUUID())], info: {} }))),
  )

  expect(puts() - before).toBe(10)
  expect(table.snapshot().version).toBe(10)
})

it('never re-uses a version number that log cleanup freed', async () => {
  const store = createMemoryStore()
  const clock = createHurriedClock()
  const [stale, busy] = [await openInlineTable(store, { clock }), await openInlineTable(store)]
  for (let n = 0; n < 5; n++) await busy.commit(() => ({ actions: [anAdd(`f${n}`)], info: {} }))
  for (const version of [0, 1, 2]) await store.delete(commitKey(version))
  clock.advance(10_000)

  const late = stale.commit(() => ({ actions: [anAdd('late')], info: {} }))

  await expect(late).rejects.toMatchObject({ code: 'TABLE_LOG_CORRUPT', remedy: 'stop' })
  await expect(store.head(commitKey(1))).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' })
})

it('does not write into a table that was deleted under it', async () => {
  const store = createMemoryStore()
  const clock = createHurriedClock()
  const table = await openInlineTable(store, { clock })
  await store.delete(commitKey(0))
  clock.advance(10_000)

  await expect(table.commit(() => ({ actions: [], info: {} }))).rejects.toMatchObject({ remedy: 'stop' })
})

it.each([
  [
    'metaData',
    '{"metaData":{"id":"other","format":{"provider":"parquet"},"schemaString":"{}","partitionColumns":[]}}',
    'TABLE_ALTERED',
  ],
  [
    'protocol',
    '{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["rowTracking"]}}',
    'TABLE_UNSUPPORTED',
  ],
])('stops when another tool changed the %s', async (_, line, code) => {
  const store = createMemoryStore()
  const table = await openInlineTable(store)
  await store.put(commitKey(1), new TextEncoder().encode(line))

  await expect(table.commit(() => ({ actions: [], info: {} }))).rejects.toMatchObject({
    code,
    remedy: 'stop',
  })
})

it.each<[string, Action[]]>([
  ['file a', [anAdd('a'), anAdd('a')]],
  ['txn p', [txn('p', 1), txn('p', 2)]],
])('takes two actions for one name as a bug: %s', async (name, actions) => {
  const table = await openInlineTable(createMemoryStore())

  await expect(table.commit(() => ({ actions, info: {} }))).rejects.toThrow(`names ${name} twice`)
})

it('sends nothing that no reader could parse', async () => {
  const { store, puts } = createFaultyStore()
  const table = await openInlineTable(store)
  const before = puts()

  await expect(table.commit(() => ({ actions: [txn('p', Number.NaN)], info: {} }))).rejects.toThrow(
    'txn.version',
  )

  expect(puts()).toBe(before)
})

interface FaultyStore {
  store: ObjectStore
  /** The next such call fails so. */
  inject(operation: StoreOperation, fault: StoreFault): void
  always(fault: () => StoreFault): void
  puts(): number
}

function createFaultyStore(): FaultyStore {
  let next: { operation: StoreOperation; fault: StoreFault } | null = null
  let everyCall: (() => StoreFault) | null = null
  let puts = 0
  const store = createMemoryStore({
    faults(operation) {
      if (operation === 'putIfAbsent') puts++
      if (everyCall) return everyCall()
      if (next?.operation !== operation) return undefined
      const { fault } = next
      next = null
      return fault
    },
  })
  return {
    store,
    inject: (operation, fault) => {
      next = { operation, fault }
    },
    always: (fault) => {
      everyCall = fault
    },
    puts: () => puts,
  }
}

async function wholeLog(store: ObjectStore): Promise<{ version: number; actions: Action[] }[]> {
  const log: { version: number; actions: Action[] }[] = []
  for await (const { key } of store.list({ prefix: '_delta_log/' })) {
    log.push({
      version: Number(key.slice('_delta_log/'.length, -'.json'.length)),
      actions: parseCommit(await store.get(key), key),
    })
  }
  return log
}

async function filesOf(store: ObjectStore): Promise<[version: number, path: string][]> {
  return (await wholeLog(store)).flatMap(({ version, actions }) =>
    actions.flatMap((action): [number, string][] => (action.kind === 'add' ? [[version, action.path]] : [])),
  )
}

/** A linear congruential generator, uniform in [0, 1). */
function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
