import type { Clock } from '../runtime/clock.ts'
import { AppError, errorMessage } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { retry } from '../runtime/retry.ts'

/**
 * Waits out a store or a broker that is away: tries again, with backoff, what may be tried again.
 * @returns null when the signal aborts before it works
 */
export async function whileHeld<T>(
  { clock, log }: { clock: Clock; log: Logger },
  { signal, doing }: { signal: AbortSignal; doing: string },
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await retry(work, {
      clock,
      signal,
      baseMs: 100,
      onRetry: (error, attempt, waitMs) =>
        log.warn('waiting to try again', {
          doing,
          attempt: attempt + 1,
          waitMs: Math.round(waitMs),
          error: errorMessage(error),
        }),
    })
  } catch (error) {
    if (signal.aborted && error instanceof AppError && error.remedy === 'retry') return null
    throw error
  }
}
