import type { Clock } from './clock.ts'
import { AppError } from './errors.ts'

export interface RetryOptions {
  clock: Clock
  signal?: AbortSignal
  /** Tries in all, the first included. Default: no limit but the signal. */
  maxAttempts?: number
  baseMs?: number
  maxMs?: number
  /** Called before each wait, for one log line. */
  onRetry?: (error: unknown, attempt: number, waitMs: number) => void
  random?: () => number
}

/** Full-jitter exponential backoff: a uniform draw from [0, min(maxMs, baseMs * 2^attempt)). */
export function backoffMs(
  attempt: number,
  { baseMs = 50, maxMs = 5_000, random = Math.random }: Partial<RetryOptions> = {},
): number {
  return random() * Math.min(maxMs, baseMs * 2 ** attempt)
}

/**
 * Calls `work` until it succeeds or fails with something other than an AppError whose remedy is `retry`.
 * The last error is thrown when attempts run out or the signal aborts.
 */
export async function retry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, maxAttempts = Number.POSITIVE_INFINITY } = options
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      const mayRetry = error instanceof AppError && error.remedy === 'retry'
      if (!mayRetry || attempt + 1 >= maxAttempts || signal?.aborted) throw error
      const waitMs = backoffMs(attempt, options)
      options.onRetry?.(error, attempt, waitMs)
      await clock.sleep(waitMs, signal)
    }
  }
}
