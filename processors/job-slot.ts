/** Room for one piece of work in the background; its outcome waits until it is taken, and nothing starts before. */
export interface JobSlot<T> {
  /** Running, or finished and not taken yet. */
  readonly occupied: boolean
  readonly running: boolean
  start(work: () => Promise<T>): void
  /** The outcome, once; null while there is none. @throws what the work failed with */
  take(): T | null
}

export function createJobSlot<T>(wake: () => void): JobSlot<T> {
  let running = false
  let outcome: { value: T } | { error: unknown } | null = null
  return {
    get occupied() {
      return running || outcome !== null
    },
    get running() {
      return running
    },
    start(work) {
      if (running || outcome) throw new Error('the job slot is taken')
      running = true
      const settle = (settled: NonNullable<typeof outcome>): void => {
        running = false
        outcome = settled
        wake()
      }
      work().then(
        (value) => settle({ value }),
        (error: unknown) => settle({ error }),
      )
    },
    take() {
      if (!outcome) return null
      const taken = outcome
      outcome = null
      if ('error' in taken) throw taken.error
      return taken.value
    },
  }
}
