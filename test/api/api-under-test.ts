import { type ApiServer, serveApi } from '../../api/index.ts'
import { createManualClock, type ManualClock } from '../../runtime/clock.ts'
import { createLogger } from '../../runtime/log.ts'
import {
  createMemoryStore,
  type ObjectStore,
  type StoreFault,
  type StoreOperation,
} from '../../storage/index.ts'
import {
  openTableForReading,
  type ProgressChange,
  progressActions,
  rowsOf,
  type Table,
  type TableBinding,
  type TableRow,
} from '../../table/index.ts'
import { keys } from '../contracts/object-store.ts'
import { aBinding, createHurriedClock, openInlineTable, someTags } from '../fixtures/table.ts'

export interface ApiUnderTest {
  server: ApiServer
  /** Moves past the API's reuse of what it has just read. */
  clock: ManualClock
  store: ObjectStore
  /** What the store was asked, in order. */
  calls: { operation: StoreOperation; key: string }[]
  logged: string[]
  /** From now on all calls to the store end so; undefined: well. */
  fail(fault: StoreFault | Error | undefined): void
  /** From now on all calls to the store wait for the promise. */
  hold(until: Promise<void> | undefined): void
  /** Commits rows and progress, making the table if need be. */
  commit(rows: TableRow[], progress?: ProgressChange[]): Promise<void>
  /** As someone would who starts over. */
  deleteTable(): Promise<void>
  get(path: string, init?: RequestInit): Promise<Reply>
  close(): Promise<void>
}

export interface Reply {
  status: number
  headers: Headers
  body: unknown
}

/** The API over real HTTP and a real table in memory. */
export async function startApi(binding: Partial<TableBinding> = {}): Promise<ApiUnderTest> {
  const bound = aBinding(binding)
  const calls: ApiUnderTest['calls'] = []
  const logged: string[] = []
  let fault: StoreFault | Error | undefined
  let held: Promise<void> | undefined
  const store = createMemoryStore({
    async faults(operation, key) {
      calls.push({ operation, key })
      await held
      if (fault instanceof Error) throw fault
      return fault
    },
  })
  const clock = createManualClock(1_000_000)
  const log = createLogger({ level: 'warn', write: (line) => logged.push(line) })
  const server = await serveApi({
    host: '127.0.0.1',
    port: 0,
    openTable: () => openTableForReading({ store, log, clock: createHurriedClock() }),
    log,
    clock,
  })
  let table: Table | null = null
  return {
    server,
    clock,
    store,
    calls,
    logged,
    fail(next) {
      fault = next
    },
    hold(until) {
      held = until
    },
    async commit(list, progress = []) {
      table ??= await openInlineTable(store, { binding: bound, clock })
      const files =
        list.length > 0 ? await table.writeFiles(rowsOf(list, bound.dimensions.length), someTags) : []
      const actions = [...files, ...progressActions(bound, progress)]
      await table.commit(() => ({ actions, info: { operation: 'WRITE' } }))
      clock.advance(1_000)
    },
    async deleteTable() {
      for (const key of await keys(store.list())) await store.delete(key)
      await table?.close()
      table = null
      clock.advance(1_000)
    },
    async get(path, init) {
      const answer = await fetch(server.url + path, init)
      const text = await answer.text()
      return { status: answer.status, headers: answer.headers, body: text === '' ? null : JSON.parse(text) }
    },
    async close() {
      await server.close()
      await table?.close()
    },
  }
}
