/**
 * Fetches the next records while the last ones are aggregated: one request in flight, from the positions that the last
 * answer leads to. Each answer is tied to the very partition objects it was asked for, so that one which was dropped or
 * placed anew in between never gets records from a position that is not its own.
 */
import type { FetchedPartition, Reader } from '../broker/index.ts'
import type { Clock } from '../runtime/clock.ts'
import { AppError, errorMessage } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { backoffMs } from '../runtime/retry.ts'
import type { OwnedPartition } from './owned-partition.ts'

export interface FetchAhead {
  /** Sends the next request, unless one is under way, an answer waits, or nothing may be asked for yet. */
  request(owned: Iterable<OwnedPartition>): void
  /**
   * The answer, once. Partitions whose leader is away are left out here and asked for later.
   * @throws what the fetch failed with and no waiting mends
   */
  take(): Answer[] | null
  /** Until a partition that had to wait may be asked for again; infinite when none waits. */
  msUntilRetry(): number
}

export interface Answer {
  owned: OwnedPartition
  fetched: Exclude<FetchedPartition, { kind: 'unavailable' }>
}

interface Place {
  nextOffset: number
  failures: number
  notBeforeMs: number
}

const maxBackoffMs = 5_000

export function createFetchAhead(
  reader: Reader,
  { clock, log, wake }: { clock: Clock; log: Logger; wake: () => void },
): FetchAhead {
  const places = new WeakMap<OwnedPartition, Place>()
  let busy = false
  let retryAtMs = Number.POSITIVE_INFINITY
  let asked = new Map<number, OwnedPartition>()
  let settled: { fetched: FetchedPartition[] } | { error: unknown } | null = null

  const placeOf = (owned: OwnedPartition): Place => {
    const known = places.get(owned)
    if (known) return known
    const place = { nextOffset: owned.position, failures: 0, notBeforeMs: 0 }
    places.set(owned, place)
    return place
  }
  const postpone = (owned: OwnedPartition, error: unknown): void => {
    const place = placeOf(owned)
    const waitMs = backoffMs(place.failures++, { baseMs: 200, maxMs: maxBackoffMs })
    place.notBeforeMs = clock.nowMs() + waitMs
    const { partition } = owned
    log.warn('partition waits for its broker', {
      partition,
      waitMs: Math.round(waitMs),
      error: errorMessage(error),
    })
  }
  return {
    request(owned) {
      if (busy || settled) return
      const nowMs = clock.nowMs()
      retryAtMs = Number.POSITIVE_INFINITY
      asked = new Map()
      const positions = new Map<number, number>()
      for (const one of owned) {
        const { nextOffset, notBeforeMs } = placeOf(one)
        if (notBeforeMs > nowMs) {
          retryAtMs = Math.min(retryAtMs, notBeforeMs)
          continue
        }
        asked.set(one.partition, one)
        positions.set(one.partition, nextOffset)
      }
      if (positions.size === 0) return
      busy = true
      const settle = (outcome: typeof settled): void => {
        busy = false
        settled = outcome
        wake()
      }
      reader.fetch(positions).then(
        (fetched) => settle({ fetched }),
        (error: unknown) => settle({ error }),
      )
    },
    take() {
      if (!settled) return null
      const outcome = settled
      settled = null
      if ('error' in outcome) {
        const { error } = outcome
        if (!(error instanceof AppError) || error.remedy !== 'retry') throw error
        for (const owned of asked.values()) postpone(owned, error)
        return null
      }
      return outcome.fetched.flatMap((fetched) => {
        const owned = asked.get(fetched.partition)
        if (!owned) return []
        if (fetched.kind === 'unavailable') {
          postpone(owned, fetched.error)
          return []
        }
        const place = placeOf(owned)
        place.failures = 0
        if (fetched.kind === 'records') place.nextOffset = fetched.nextOffset
        return [{ owned, fetched }]
      })
    },
    msUntilRetry: () => retryAtMs - clock.nowMs(),
  }
}
