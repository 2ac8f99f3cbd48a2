export type Slots = <T>(task: () => Promise<T>) => Promise<T>

/** Lets at most `limit` of the given tasks run at once, in the order given; one slot is a mutex. */
export function createSlots(limit: number): Slots {
  const waiting: (() => void)[] = []
  let free = limit
  return async (task) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
