/** Bytes of requests and responses held at a time by all connections together. */
export interface MemoryBudget {
  take(bytes: number): void
  give(bytes: number): void
  readonly exhausted: boolean
  /** Called once, when the use has fallen to half of the limit. */
  whenRelieved(resume: () => void): void
}

export function createMemoryBudget(maxBytes: number): MemoryBudget {
  let usedBytes = 0
  let waiting: (() => void)[] = []
  return {
    take(bytes) {
      usedBytes += bytes
    },
    give(bytes) {
      usedBytes -= bytes
      if (usedBytes > maxBytes / 2 || waiting.length === 0) return
      const resumed = waiting
      waiting = []
      for (const resume of resumed) resume()
    },
    get exhausted() {
      return usedBytes > maxBytes
    },
    whenRelieved(resume) {
      waiting.push(resume)
    },
  }
}
