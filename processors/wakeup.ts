import type { Clock } from '../runtime/clock.ts'

/**
 * Lets one loop wait for whichever of several things comes first. A wake-up that comes while nobody waits is kept for
 * the next wait. (Racing promises instead would leave a reaction behind on every long-lived one, each time round.)
 */
export interface Wakeup {
  wake(): void
  /** Resolves at the next wake-up, or after `maxMs`. One waiter at a time. */
  wait(maxMs: number): Promise<void>
}

export function createWakeup(clock: Clock): Wakeup {
  let pending = false
  let waiter: (() => void) | null = null
  return {
    wake() {
      pending = true
      waiter?.()
    },
    async wait(maxMs) {
      if (!pending) {
        const timer = new AbortController()
        await new Promise<void>((resolve) => {
          waiter = resolve
          void clock.sleep(maxMs, timer.signal).then(resolve)
        })
        waiter = null
        timer.abort()
      }
      pending = false
    },
  }
}
