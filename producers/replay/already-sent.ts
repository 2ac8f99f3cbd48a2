/** Passes over the first n events of each partition, which an earlier replayer has sent (reconcile.ts). */
export interface AlreadySent {
  /** What is still to be passed over; empty most of the time. */
  readonly left: ReadonlyMap<number, number>
  begin(counts: ReadonlyMap<number, number>): void
  /** Asked once for each event, in order. */
  skip(partition: number): boolean
}

export function createAlreadySent(): AlreadySent {
  const left = new Map<number, number>()
  return {
    left,
    begin(counts) {
      left.clear()
      for (const [partition, records] of counts) if (records > 0) left.set(partition, records)
    },
    skip(partition) {
      if (left.size === 0) return false
      const records = left.get(partition)
      if (records === undefined) return false
      if (records === 1) left.delete(partition)
      else left.set(partition, records - 1)
      return true
    },
  }
}
