import { createHash } from 'node:crypto'
import { ObjectExists, ObjectNotFound, StoreUnavailable } from './errors.ts'
import { compareKeys, requirePlainKey } from './keys.ts'
import type { ObjectInfo, ObjectStore } from './object-store.ts'

export type StoreOperation = 'get' | 'stream' | 'put' | 'putIfAbsent' | 'list' | 'delete' | 'head'

/** What can go wrong with one call, as seen with real stores. */
export type StoreFault =
  /** Not done; StoreUnavailable. A 503, a refused connection, a 409 between conditional writes. */
  | 'unavailable'
  /** Done; StoreUnavailable all the same: the answer was lost. */
  | 'lost_answer'
  /** putIfAbsent only: done, but answered with ObjectExists, as after a retry hidden in a client. */
  | 'false_exists'
  /** Writes only: StoreUnavailable now, done when the promise resolves. A request still in flight after a timeout. */
  | { landsAfter: Promise<void> }

export interface MemoryStoreOptions {
  /** Asked before each call; a promise makes the store slow, a rejection is thrown as it is. */
  faults?: (operation: StoreOperation, key: string) => FaultAnswer | Promise<FaultAnswer>
  nowMs?: () => number
}

type FaultAnswer = StoreFault | undefined
interface Held extends ObjectInfo {
  body: Uint8Array
}

const chunkBytes = 64 * 1024

/** An ObjectStore in memory, for tests and for faults that real stores show seldom. */
export function createMemoryStore({ faults, nowMs = Date.now }: MemoryStoreOptions = {}): ObjectStore {
  const objects = new Map<string, Held>()

  const call = async <T>(operation: StoreOperation, key: string, work: () => T): Promise<T> => {
    const fault = await faults?.(operation, key)
    if (fault === undefined) return work()
    if (typeof fault === 'object') {
      // What a late write meets is nobody's business any more: its caller has gone.
      void fault.landsAfter.then(work).catch(() => {})
      throw new StoreUnavailable(`memory: ${operation} timed out`)
    }
    if (fault !== 'unavailable') work()
    if (fault === 'false_exists') throw new ObjectExists(key)
    throw new StoreUnavailable(`memory: ${operation} failed`)
  }
  const need = (key: string): Held => {
    const held = objects.get(key)
    if (!held) throw new ObjectNotFound(key)
    return held
  }
  const keep = (key: string, body: Uint8Array): void => {
    const etag = createHash('md5').update(body).digest('hex')
    objects.set(key, { key, size: body.length, etag, modifiedMs: nowMs(), body })
  }

  return {
    url: 'memory:/',
    get: (key, range) =>
      call('get', key, () => need(key).body.slice(range?.start ?? 0, range?.end ?? Number.POSITIVE_INFINITY)),
    async *stream(key, { start = 0, signal } = {}) {
      const body = await call('stream', key, () => need(key).body)
      for (let at = start; at < body.length; at += chunkBytes) {
        signal?.throwIfAborted()
        yield body.slice(at, at + chunkBytes)
      }
    },
    async put(key, body) {
      requirePlainKey(key)
      const copy = body.slice()
      await call('put', key, () => keep(key, copy))
    },
    async putIfAbsent(key, body) {
      requirePlainKey(key)
      const copy = body.slice()
      await call('putIfAbsent', key, () => {
        if (objects.has(key)) throw new ObjectExists(key)
        keep(key, copy)
      })
    },
    async *list({ prefix = '', after = '', signal } = {}) {
      const keys = await call('list', prefix, () =>
        [...objects.keys()].filter((key) => key.startsWith(prefix) && compareKeys(key, after) > 0),
      )
      for (const key of keys.sort(compareKeys)) {
        signal?.throwIfAborted()
        const held = objects.get(key)
        if (held) yield infoOf(held)
      }
    },
    delete: (key) =>
      call('delete', key, () => {
        objects.delete(key)
      }),
    head: (key) => call('head', key, () => infoOf(need(key))),
  }
}

function infoOf({ key, size, etag, modifiedMs }: Held): ObjectInfo {
  return { key, size, etag, modifiedMs }
}
