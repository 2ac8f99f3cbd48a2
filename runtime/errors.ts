/** What a caller can do about an error: try again, turn this input away, or stop the process. */
export type Remedy = 'retry' | 'reject' | 'stop'

export interface AppErrorOptions {
  /** Stable, UPPER_SNAKE; programs decide on it, never on the message. */
  code: string
  remedy: Remedy
  cause?: unknown
}

/** Root of all expected errors. A plain `Error` is a bug and stops the process. */
export class AppError extends Error {
  readonly code: string
  readonly remedy: Remedy

  constructor(message: string, { code, remedy, cause }: AppErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.remedy = remedy
  }
}

/** A setting, flag or outside condition that a person must mend; the message ends with how. */
export class SetupError extends AppError {
  constructor(message: string, cause?: unknown) {
    super(message, { code: 'SETUP', remedy: 'stop', cause })
  }
}

/** The message of anything thrown, for logs and one-line reports. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The candidate within `maxDistance` edits of `word`, or null. Levenshtein, two rows. */
export function nearest(word: string, candidates: readonly string[], maxDistance: number): string | null {
  let best: string | null = null
  let bestDistance = maxDistance + 1
  for (const candidate of candidates) {
    let row = Array.from({ length: candidate.length + 1 }, (_, index) => index)
    for (let i = 1; i <= word.length; i++) {
      const next = [i]
      for (let j = 1; j <= candidate.length; j++) {
        const substituted = (row[j - 1] ?? 0) + (word[i - 1] === candidate[j - 1] ? 0 : 1)
        next[j] = Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1)
      }
      row = next
    }
    const distance = row[candidate.length] ?? 0
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}
