/**
 * Follows a table's log: lists it from the last version on and replays what is new. The listing is the only source of new
 * versions, and must be contiguous: a hole means that log cleanup has overtaken us, and guessing would corrupt.
 */
import type { Clock } from '../../runtime/clock.ts'
import type { Logger } from '../../runtime/log.ts'
import { retry } from '../../runtime/retry.ts'
import { type ObjectInfo, ObjectNotFound, type ObjectStore } from '../../storage/index.ts'
import { CorruptLog, UnsupportedTable } from './errors.ts'
import { parseCommit } from './parse.ts'
import { type Commit, replay, type Snapshot } from './snapshot.ts'
import { commitKey, logPrefix, versionOfKey } from './versions.ts'

const maxAttempts = 8
/** A page of a listing may be older than the next one, so that a hole can be an illusion. */
const maxListings = 5
const parallelGets = 16

export interface LogTail {
  /** The newest state known; null while the table does not exist. */
  snapshot(): Snapshot | null
  /** Ms since the listing that `snapshot` rests on began. */
  ageMs(): number
  /** Takes in every commit that landed before the call. */
  refresh(): Promise<Snapshot | null>
  /** Takes in a commit of our own that is known to have landed. */
  accept(commit: Commit): void
}

export function createLogTail(parts: { store: ObjectStore; clock: Clock; log: Logger }): LogTail {
  const { store, clock, log } = parts
  let state: Snapshot | null = null
  let listedAtMs = Number.NEGATIVE_INFINITY
  let running: Promise<Snapshot | null> | null = null
  let queued: Promise<Snapshot | null> | null = null

  async function pull(): Promise<Snapshot | null> {
    for (let listing = 1; ; listing++) {
      const startedMs = clock.nowMs()
      const found = await retry(() => listCommits(store, state), { clock, maxAttempts })
      const known = state ? 1 : 0
      const ready = contiguous(found, state ? state.version : 0)
      const complete = ready.length >= known && ready.length === found.length
      if ((await takeIn(ready.slice(known))) && complete) {
        listedAtMs = startedMs
        return state
      }
      if (listing === maxListings) throw holeError(found)
      log.warn('table log listed with a hole', { version: state?.version ?? null, listing })
      await clock.sleep(20 * listing)
    }
  }

  /** @returns false when a listed commit is gone, so that the listing is out of date */
  async function takeIn(listed: readonly ListedCommit[]): Promise<boolean> {
    for (let at = 0; at < listed.length; at += parallelGets) {
      try {
        const commits = await Promise.all(listed.slice(at, at + parallelGets).map(read))
        for (const commit of commits) accept(commit)
      } catch (error) {
        if (error instanceof ObjectNotFound) return false
        throw error
      }
    }
    return true
  }

  function accept(commit: Commit): void {
    // A refresh and our own commit may bring the same version.
    if (commit.version === (state ? state.version + 1 : 0)) state = replay(state, [commit])
  }

  async function read({ version, modifiedMs }: ListedCommit): Promise<Commit> {
    const key = commitKey(version)
    const bytes = await retry(() => store.get(key), { clock, maxAttempts })
    return { version, modifiedMs, actions: parseCommit(bytes, `${store.url}${key}`) }
  }

  function holeError(found: readonly ListedCommit[]): Error {
    if (!state) {
      return new UnsupportedTable(
        `the log of ${store.url} starts at version ${found[0]?.version}: it was cleaned up behind a checkpoint, which this version ` +
          'cannot read. Use a newer version of the program, or another TABLE_URL',
      )
    }
    return new CorruptLog(
      `the log of ${store.url} lacks version ${state.version} or one after it: they were cleaned up, or the table was ` +
        'deleted. Restart to read it anew',
    )
  }

  const start = (): Promise<Snapshot | null> => {
    running = pull().finally(() => {
      running = null
    })
    return running
  }
  return {
    snapshot: () => state,
    ageMs: () => clock.nowMs() - listedAtMs,
    accept,
    refresh() {
      if (!running) return start()
      // The listing under way may have begun before a commit that this caller knows of: wait for the next one.
      queued ??= running
        .catch(() => null)
        .then(() => {
          queued = null
          return start()
        })
      return queued
    },
  }
}

interface ListedCommit {
  version: number
  modifiedMs: number
}

async function listCommits(store: ObjectStore, state: Snapshot | null): Promise<ListedCommit[]> {
  // The last known version is listed again: were it gone, the table was deleted or cleaned up under us.
  const after = state && state.version > 0 ? commitKey(state.version - 1) : ''
  const found: ListedCommit[] = []
  for await (const info of store.list({ prefix: logPrefix, after })) {
    const commit = listedCommit(info)
    if (commit) found.push(commit)
  }
  return found
}

function listedCommit({ key, modifiedMs }: ObjectInfo): ListedCommit | null {
  const version = versionOfKey(key)
  return version === null ? null : { version, modifiedMs }
}

function contiguous(found: readonly ListedCommit[], due: number): ListedCommit[] {
  const hole = found.findIndex(({ version }, at) => version !== due + at)
  return hole === -1 ? [...found] : found.slice(0, hole)
}
