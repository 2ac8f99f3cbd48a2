/**
 * Makes many small writes durable with few calls: one sync at a time, and those who ask while it runs share the next.
 * The pause before an unhurried sync is as long as the last one took, within 5-25 ms: a quick disk shows data at once,
 * a slow one is not kept busy by nothing but syncing.
 */
export interface GroupSync {
  /** Something was written; sync soon. */
  request(): void
  /** Resolves when a sync that began after this call has ended. Rejects if it failed. */
  now(): Promise<void>
}

const minPauseMs = 5
const maxPauseMs = 25

/**
 * @param sync makes durable what was written before it was called
 * @param onFailure hears of a failed sync nobody waits for
 */
export function createGroupSync(sync: () => Promise<void>, onFailure: (error: unknown) => void): GroupSync {
  let timer: NodeJS.Timeout | undefined
  let pauseMs = minPauseMs
  let running: Promise<void> | null = null
  let next: Promise<void> | null = null

  async function run(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const startedMs = performance.now()
    await sync()
    pauseMs = Math.min(maxPauseMs, Math.max(minPauseMs, performance.now() - startedMs))
  }

  function start(): Promise<void> {
    const started = run().finally(() => {
      running = null
    })
    running = started
    return started
  }

  function now(): Promise<void> {
    if (!running) return start()
    // The running one began before this call and may miss its bytes.
    next ??= running
      .catch(() => {}) // its own callers hear of it
      .then(() => {
        next = null
        return start()
      })
    return next
  }

  return {
    request() {
      timer ??= setTimeout(() => void now().catch(onFailure), pauseMs)
    },
    now,
  }
}
