import { setTimeout as delay } from 'node:timers/promises'

/** Time as a dependency, so that tests move it by hand. */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: Date.now,
  async sleep(ms, signal) {
    // An abort ends the sleep; the caller's loop looks at the signal itself.
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => {})
  },
}

export interface ManualClock extends Clock {
  /** Moves time on and wakes every sleeper that is due, earliest first. */
  advance(ms: number): void
}

export function createManualClock(startMs = 0): ManualClock {
  let now = startMs
  let sleepers: { dueMs: number; wake: () => void }[] = []
  return {
    nowMs: () => now,
    sleep: (ms, signal) =>
      new Promise((wake) => {
        if (signal?.aborted) return wake()
        sleepers.push({ dueMs: now + ms, wake })
        signal?.addEventListener('abort', () => wake(), { once: true })
      }),
    advance(ms) {
      now += ms
      const due = sleepers.filter((sleeper) => sleeper.dueMs <= now).sort((a, b) => a.dueMs - b.dueMs)
      sleepers = sleepers.filter((sleeper) => sleeper.dueMs > now)
      for (const sleeper of due) sleeper.wake()
    },
  }
}
