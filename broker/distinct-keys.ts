import { createHash } from 'node:crypto'

export interface KeyCounter {
  add(key: Uint8Array): void
  /** Distinct keys so far: exact up to the limit, an estimate above. */
  count(): number
}

/**
 * Counts distinct keys in bounded memory by keeping at least the `maxKept` smallest of their hashes (k minimum values). While
 * they all fit the count is exact; above, the largest kept hash tells how densely they lie. Its relative error is
 * about 1 / sqrt(maxKept).
 */
export function createKeyCounter(maxKept: number): KeyCounter {
  let kept = new Set<number>()
  let largest = Number.POSITIVE_INFINITY
  const shrink = (): void => {
    const smallest = [...kept].sort((a, b) => a - b).slice(0, maxKept)
    largest = smallest.at(-1) ?? largest
    kept = new Set(smallest)
  }
  return {
    add(key) {
      const hash = hash48(key)
      if (hash > largest) return
      kept.add(hash)
      // Twice as many may gather, so that sorting is rare.
      if (kept.size >= 2 * maxKept) shrink()
    },
    count() {
      if (largest === Number.POSITIVE_INFINITY) return kept.size
      if (kept.size > maxKept) shrink()
      return Math.round((maxKept - 1) / (largest / hashRange))
    },
  }
}

const hashRange = 2 ** 48

function hash48(key: Uint8Array): number {
  return createHash('sha1').update(key).digest().readUIntBE(0, 6)
}
