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

/** The candidate within `maxDistance` edits of `word`, or null: for "did you mean". */
export function nearest(word: string, candidates: readonly string[], maxDistance: number): string | null {
  let best: string | null = null
  let bestDistance = maxDistance + 1
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Levenshtein's, by UTF-16 units. */
export function editDistance(a: string, b: string): number {
  let above = Uint16Array.from({ length: b.length + 1 }, (_, column) => column)
  let row = new Uint16Array(b.length + 1)
  for (let i = 1; i <= a.length; i++) {
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
    }
    ;[above, row] = [row, above]
  }
  return above[b.length] ?? 0
}
