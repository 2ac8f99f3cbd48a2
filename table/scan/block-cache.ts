/** Least recently used things, bounded by their bytes. */
export interface BlockCache<V> {
  get(key: string): V | undefined
  /** One larger than the whole cache is not kept. */
  put(key: string, value: V, bytes: number): void
  readonly bytes: number
}

export function createBlockCache<V>(maxBytes: number): BlockCache<V> {
  // A Map keeps the order of insertion: the first entry is the one unused for longest.
  const entries = new Map<string, { value: V; bytes: number }>()
  let total = 0

  const drop = (key: string): void => {
    total -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }
  return {
    get bytes() {
      return total
    },
    get(key) {
      const entry = entries.get(key)
      if (!entry) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.value
    },
    put(key, value, bytes) {
      drop(key)
      if (bytes > maxBytes) return
      entries.set(key, { value, bytes })
      total += bytes
      for (const oldest of entries.keys()) {
        if (total <= maxBytes) break
        drop(oldest)
      }
    },
  }
}
