import type { Snapshot } from '../../table/index.ts'

const maxKept = 64

/**
 * Remembers answers about a version of the table: it never changes, so neither do they, and they go when it goes.
 * Equal questions at one time share one reading; a failed reading is forgotten.
 */
export function createKeptAnswers<T>(): (
  snapshot: Snapshot,
  question: string,
  read: () => Promise<T>,
) => Promise<T> {
  const kept = new WeakMap<Snapshot, Map<string, Promise<T>>>()
  return (snapshot, question, read) => {
    const answers = kept.get(snapshot) ?? new Map<string, Promise<T>>()
    kept.set(snapshot, answers)
    const known = answers.get(question)
    if (known) return known
    if (answers.size >= maxKept) answers.clear()
    const reading = read()
    answers.set(question, reading)
    reading.catch(() => answers.delete(question))
    return reading
  }
}
