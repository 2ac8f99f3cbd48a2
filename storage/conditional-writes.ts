import { randomUUID } from 'node:crypto'
import { SetupError } from '../runtime/errors.ts'
import { ObjectExists, ObjectNotFound, StoreUnavailable } from './errors.ts'
import type { ObjectStore } from './object-store.ts'

const parallelWriters = 16
const maxTries = 5

/**
 * Proves that `putIfAbsent` has exactly one winner, first in sequence, then in a race. Several S3 look-alikes accept
 * the condition and ignore it, and two writers on such a store would lose events without any error.
 * Leaves nothing behind. @throws {SetupError} when the condition is not honoured
 */
export async function probeConditionalWrites(store: ObjectStore): Promise<void> {
  // The leading underscore hides it from table readers that glob.
  const folder = `_probe/${randomUUID()}`
  const keys = { sequential: `${folder}/sequential`, parallel: `${folder}/parallel` }
  try {
    const wins: boolean[] = []
    for (const writer of ['first', 'second']) wins.push(await wrote(store, keys.sequential, writer))
    requireOneWinner(store, wins)

    const writers = Array.from({ length: parallelWriters }, (_, i) => `writer ${i}`)
    const race = await Promise.all(writers.map((writer) => wrote(store, keys.parallel, writer)))
    requireOneWinner(store, race)
    const kept = new TextDecoder().decode(await store.get(keys.parallel))
    if (kept !== writers[race.indexOf(true)]) requireOneWinner(store, [])
  } finally {
    // A probe object that stays is harmless, and must not hide the probe's own verdict.
    await Promise.allSettled([store.delete(keys.sequential), store.delete(keys.parallel)])
  }
}

/** Whether this writer holds the key in the end; a lost answer is settled by reading what is there. */
async function wrote(store: ObjectStore, key: string, writer: string): Promise<boolean> {
  const body = new TextEncoder().encode(writer)
  for (let attempt = 1; ; attempt++) {
    try {
      await store.putIfAbsent(key, body)
      return true
    } catch (error) {
      if (error instanceof ObjectExists) return (await contentOf(store, key)) === writer
      if (!(error instanceof StoreUnavailable) || attempt === maxTries) throw error
    }
  }
}

async function contentOf(store: ObjectStore, key: string): Promise<string | null> {
  try {
    return new TextDecoder().decode(await store.get(key))
  } catch (error) {
    if (error instanceof ObjectNotFound) return null
    throw error
  }
}

function requireOneWinner(store: ObjectStore, wins: readonly boolean[]): void {
  const winners = wins.filter(Boolean).length
  if (winners === 1) return
  throw new SetupError(
    `${store.url} does not honour conditional writes: ${winners} of ${wins.length} writers to one new key were told they won. ` +
      'Use a store that supports If-None-Match on PUT (AWS S3, Cloudflare R2, a recent MinIO, moto or S3Mock), or a file: URL',
  )
}
