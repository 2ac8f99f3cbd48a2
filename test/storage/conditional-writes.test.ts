import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { SetupError } from '../../runtime/errors.ts'
import {
  createMemoryStore,
  ObjectExists,
  type ObjectStore,
  probeConditionalWrites,
  type StoreFault,
  StoreUnavailable,
} from '../../storage/index.ts'
import { bytes, keys, text } from '../contracts/object-store.ts'

describe('the probe of conditional writes', () => {
  it('refuses a store that ignores the condition', async () => {
    const memory = createMemoryStore()
    const careless: ObjectStore = { ...memory, putIfAbsent: memory.put }

    await expect(probeConditionalWrites(careless)).rejects.toThrow(SetupError)
    await expect(probeConditionalWrites(careless)).rejects.toThrow('2 of 2 writers')
    expect(await keys(memory.list())).toEqual([])
  })

  it('refuses a store that looks first and writes later', async () => {
    const memory = createMemoryStore()
    const racy: ObjectStore = {
      ...memory,
      async putIfAbsent(key, body) {
        const isTaken = (await keys(memory.list({ prefix: key }))).length > 0
        if (isTaken) throw new ObjectExists(key)
        await memory.put(key, body)
      },
    }

    await expect(probeConditionalWrites(racy)).rejects.toThrow('16 of 16 writers')
    expect(await keys(memory.list())).toEqual([])
  })

  it('refuses a store where nobody wins', async () => {
    const memory = createMemoryStore()
    const full: ObjectStore = { ...memory, putIfAbsent: (key) => Promise.reject(new ObjectExists(key)) }

    await expect(probeConditionalWrites(full)).rejects.toThrow('0 of 2 writers')
  })

  it.each<StoreFault>(['unavailable', 'lost_answer', 'false_exists'])(
    'sees through an answer that went wrong: %s',
    async (fault) => {
      let calls = 0
      const store = createMemoryStore({
        faults: (operation) => (operation === 'putIfAbsent' && calls++ % 3 === 0 ? fault : undefined),
      })

      await probeConditionalWrites(store)

      expect(await keys(store.list())).toEqual([])
    },
  )

  it('gives up on a store that stays away', async () => {
    const store = createMemoryStore({ faults: () => 'unavailable' })

    await expect(probeConditionalWrites(store)).rejects.toThrow(StoreUnavailable)
  })
})

describe('faults of the memory store', () => {
  it.each<[StoreFault, typeof StoreUnavailable | typeof ObjectExists, string[]]>([
    ['unavailable', StoreUnavailable, []],
    ['lost_answer', StoreUnavailable, ['key']],
    ['false_exists', ObjectExists, ['key']],
  ])('%s', async (fault, error, kept) => {
    const store = createMemoryStore({
      faults: (operation) => (operation === 'putIfAbsent' ? fault : undefined),
    })

    await expect(store.putIfAbsent('key', bytes('x'))).rejects.toThrow(error)

    expect(await keys(store.list())).toEqual(kept)
  })

  it('lets a write land after its caller gave up, unless the key was taken meanwhile', async () => {
    const landing = new AbortController()
    const landed = once(landing.signal, 'abort').then(() => {})
    let late = true
    const store = createMemoryStore({
      faults: (operation) => (operation === 'putIfAbsent' && late ? { landsAfter: landed } : undefined),
    })
    await expect(store.putIfAbsent('free', bytes('late'))).rejects.toThrow(StoreUnavailable)
    await expect(store.putIfAbsent('taken', bytes('late'))).rejects.toThrow(StoreUnavailable)
    late = false
    await store.putIfAbsent('taken', bytes('early'))

    expect(await keys(store.list())).toEqual(['taken'])
    landing.abort()
    await landed

    expect(await text(store, 'free')).toBe('late')
    expect(await text(store, 'taken')).toBe('early')
  })
})
