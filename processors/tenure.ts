import { AppError } from '../runtime/errors.ts'

/**
 * A tenure is one assignment of partitions under one generation of the group. It ends at the next rebalance, at a
 * crash of the membership or when the group fences it, and never comes back: whatever was buffered under it is dropped.
 */
export interface Tenure {
  readonly partitions: readonly number[]
  readonly generationId: number
  readonly memberId: string
  /** Aborts when the partitions are ours no more. */
  readonly signal: AbortSignal
  /** Ends it from our side, as after a commit that the group refused. */
  end(): void
}

/** The membership is gone or stuck; joining anew mends it. */
export class MembershipLost extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'MEMBERSHIP_LOST', remedy: 'retry', cause })
  }
}

/** Where the group's callbacks, which must return at once, hand over to the loop that does the work. */
export interface Tenures {
  onAssigned(partitions: number[], generationId: number, memberId: string): void
  onRevoked(): void
  onCrash(error: unknown): void
  /**
   * The newest tenure, once, as soon as there is one; null when the signal aborts first.
   * @throws {AppError} what the membership crashed with: MembershipLost unless a person must act
   */
  next(signal: AbortSignal): Promise<Tenure | null>
  endAll(): void
}

export function createTenures(): Tenures {
  let current: Tenure | null = null
  let handedOut = true
  let crash: AppError | null = null
  let wake = (): void => {}

  const endAll = (): void => {
    current?.end()
    current = null
  }
  return {
    onAssigned(partitions, generationId, memberId) {
      endAll()
      current = createTenure(partitions, generationId, memberId)
      handedOut = false
      wake()
    },
    onRevoked: endAll,
    onCrash(error) {
      endAll()
      const stops = error instanceof AppError && error.remedy === 'stop'
      crash = stops ? error : new MembershipLost('the group membership crashed', error)
      wake()
    },
    async next(signal) {
      const onAbort = (): void => wake()
      signal.addEventListener('abort', onAbort)
      try {
        for (;;) {
          if (crash) throw crash
          if (signal.aborted) return null
          if (current && !handedOut) {
            handedOut = true
            return current
          }
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },
    endAll,
  }
}

export function createTenure(partitions: readonly number[], generationId: number, memberId: string): Tenure {
  const controller = new AbortController()
  return {
    partitions,
    generationId,
    memberId,
    signal: controller.signal,
    end: () => controller.abort(),
  }
}
