import type { PartitionLog } from '../disk/index.ts'

export interface LongPoll {
  minBytes: number
  maxWaitMs: number
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal
  logs: () => readonly PartitionLog[]
  readableBytes: () => number
}

const maxTimerMs = 2_147_483_647

/** Resolves when `minBytes` are readable, `maxWaitMs` are over or the signal aborts; holds nothing afterwards. */
export function untilReadable({ minBytes, maxWaitMs, signal, logs, readableBytes }: LongPoll): Promise<void> {
  if (maxWaitMs <= 0 || signal.aborted || readableBytes() >= minBytes) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      for (const unsubscribe of subscriptions) unsubscribe()
      resolve()
    }
    const check = (): void => {
      if (readableBytes() >= minBytes) done()
    }
    const timer = setTimeout(done, Math.min(maxWaitMs, maxTimerMs))
    signal.addEventListener('abort', done)
    const subscriptions = logs().map((log) => log.onReadable(check))
  })
}
