import { expect, it } from 'vitest'
import { silentLogger } from '../../../runtime/log.ts'
import { createMemoryStore, type ObjectStore } from '../../../storage/index.ts'
import { createLogTail, type LogTail } from '../../../table/log/tail.ts'
import { commitKey } from '../../../table/log/versions.ts'
import { createHurriedClock } from '../../fixtures/table.ts'

const first = [
  '{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}',
  '{"metaData":{"id":"i","format":{"provider":"parquet"},"schemaString":"{}","partitionColumns":[]}}',
].join('\n')

it('has no state while there is no table', async () => {
  expect(await tailOf(createMemoryStore()).refresh()).toBeNull()
})

it('takes in what came after the last version', async () => {
  const store = createMemoryStore()
  const tail = tailOf(store)
  await putVersion(store, 0, first)
  await tail.refresh()
  for (const version of [1, 2, 3]) await putVersion(store, version)
  await store.put('_delta_log/_last_checkpoint', new Uint8Array())
  await store.put('_delta_log/00000000000000000002.crc', new Uint8Array())

  expect((await tail.refresh())?.txns.get('v')).toBe(3)
})

it('reads on after a hole that was only in the listing', async () => {
  const store = createMemoryStore()
  const tail = tailOf({ ...store, list: hidingOnce(store, commitKey(1)) })
  await putVersion(store, 0, first)
  for (const version of [1, 2]) await putVersion(store, version)

  expect((await tail.refresh())?.version).toBe(2)
})

it('refuses a hole that stays', async () => {
  const store = createMemoryStore()
  const tail = tailOf(store)
  await putVersion(store, 0, first)
  await tail.refresh()
  await putVersion(store, 2)

  await expect(tail.refresh()).rejects.toMatchObject({ code: 'TABLE_LOG_CORRUPT' })
})

it('says plainly that it cannot start from a checkpoint', async () => {
  const store = createMemoryStore()
  await putVersion(store, 10)

  await expect(tailOf(store).refresh()).rejects.toThrow(
    'starts at version 10: it was cleaned up behind a checkpoint',
  )
})

it('shows every commit that landed before the call, even while another refresh runs', async () => {
  let hold: Promise<void> | null = null
  let release = (): void => {}
  const store = createMemoryStore({
    faults: async (operation) => {
      if (operation === 'get') await hold
      return undefined
    },
  })
  const tail = tailOf(store)
  await putVersion(store, 0, first)
  hold = new Promise((resolve) => {
    release = resolve
  })

  const early = tail.refresh()
  await putVersion(store, 1)
  const late = [tail.refresh(), tail.refresh()]
  release()

  await early
  expect((await Promise.all(late)).map((snapshot) => snapshot?.version)).toEqual([1, 1])
})

it('waits out a store that fails for a while', async () => {
  let failures = 5
  const store = createMemoryStore({
    faults: (operation) => (operation !== 'put' && failures-- > 0 ? 'unavailable' : undefined),
  })
  await putVersion(store, 0, first)

  expect((await tailOf(store).refresh())?.version).toBe(0)
})

function tailOf(store: ObjectStore): LogTail {
  return createLogTail({ store, clock: createHurriedClock(), log: silentLogger })
}

function putVersion(store: ObjectStore, version: number, text?: string): Promise<void> {
  const body = text ?? `{"txn":{"appId":"v","version":${version}}}`
  return store.put(commitKey(version), new TextEncoder().encode(body))
}

/** A listing whose first page was read before that key was written. */
function hidingOnce(store: ObjectStore, hidden: string): ObjectStore['list'] {
  let hide = true
  return async function* (options) {
    const skip = hide
    hide = false
    for await (const info of store.list(options)) if (!skip || info.key !== hidden) yield info
  }
}
