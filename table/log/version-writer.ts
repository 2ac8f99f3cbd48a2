/**
 * Wins or loses one version of the log, whatever the store answers.
 *
 *   put(version, body)  created -> landed
 *                       exists | unknown -> read the version:  ours -> landed   another's -> lost
 *                                                              absent -> put the same body again
 *
 * The body for a version never changes once it was sent: an attempt that timed out may still land.
 */
import type { Clock } from '../../runtime/clock.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/log.ts'
import { backoffMs } from '../../runtime/retry.ts'
import { ObjectExists, ObjectNotFound, type ObjectStore, StoreUnavailable } from '../../storage/index.ts'
import { CommitAbandoned } from './errors.ts'
import type { LogTail } from './tail.ts'
import { commitKey } from './versions.ts'

/** A version number from an older listing might be one that log cleanup has freed since. */
export const maxListingAgeMs = 3_000

export interface VersionWriter {
  /** @param body must be unlike any other writer's: it is known by its bytes */
  put(version: number, body: Uint8Array, signal?: AbortSignal): Promise<'landed' | 'lost'>
  /** Calls `work` until it does not ask for a retry. @throws {CommitAbandoned} when the signal aborts before */
  persist<T>(work: () => Promise<T>, version: number | null, signal?: AbortSignal): Promise<T>
}

export interface VersionWriterParts {
  store: ObjectStore
  tail: LogTail
  clock: Clock
  log: Logger
}

export function createVersionWriter({ store, tail, clock, log }: VersionWriterParts): VersionWriter {
  async function put(version: number, body: Uint8Array, signal?: AbortSignal): Promise<'landed' | 'lost'> {
    const key = commitKey(version)
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0 && tail.ageMs() > maxListingAgeMs) {
        await persist(() => tail.refresh(), version, signal)
        if ((tail.snapshot()?.version ?? -1) >= version) return settled(version, body, signal)
      }
      try {
        await store.putIfAbsent(key, body)
        return 'landed'
      } catch (error) {
        if (!(error instanceof ObjectExists || error instanceof StoreUnavailable)) throw error
        const level = attempt % 10 === 9 ? 'warn' : 'debug'
        log[level]('table commit has an unknown outcome', { version, attempt, error })
      }
      const found = await persist(() => readIfThere(store, key), version, signal)
      if (found) return sameBytes(found, body) ? 'landed' : 'lost'
      await pause(attempt, version, signal)
    }
  }

  /** The version is taken for sure: by whom? */
  async function settled(
    version: number,
    body: Uint8Array,
    signal?: AbortSignal,
  ): Promise<'landed' | 'lost'> {
    const found = await persist(() => readIfThere(store, commitKey(version)), version, signal)
    if (found) return sameBytes(found, body) ? 'landed' : 'lost'
    throw new CommitAbandoned(
      `version ${version} of ${store.url} was written and cleaned up while its outcome was unknown; restart`,
    )
  }

  /** Tries until it works or the signal aborts: giving up here would leave a commit's outcome unknown. */
  async function persist<T>(
    work: () => Promise<T>,
    version: number | null,
    signal?: AbortSignal,
  ): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof AppError) || error.remedy !== 'retry') throw error
        if (attempt % 10 === 4) log.warn('table store does not answer', { version, attempt, error })
        await pause(attempt, version, signal, error)
      }
    }
  }

  async function pause(
    attempt: number,
    version: number | null,
    signal?: AbortSignal,
    cause?: unknown,
  ): Promise<void> {
    if (!signal?.aborted) await clock.sleep(backoffMs(attempt), signal)
    if (!signal?.aborted) return
    const what = version === null ? 'a commit' : `the commit of version ${version}`
    throw new CommitAbandoned(`${what} to ${store.url} was given up with its outcome unknown`, cause)
  }

  return { put, persist }
}

async function readIfThere(store: ObjectStore, key: string): Promise<Uint8Array | null> {
  try {
    return await store.get(key)
  } catch (error) {
    if (error instanceof ObjectNotFound) return null
    throw error
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
