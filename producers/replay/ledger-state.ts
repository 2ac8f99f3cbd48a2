import type { LedgerEntry, ProgressEntry } from './ledger-entry.ts'

/** What the ledger knows of one topic: the newest entry of each object. */
export interface LedgerState {
  /** The etag with which each finished object was replayed; no more than that, for there may be a million. */
  readonly finished: ReadonlyMap<string, string>
  readonly unfinished: ReadonlyMap<string, ProgressEntry>
}

/** Entries are applied in the order of the log; those about other topics change nothing. */
export function createLedgerState(topic: string): LedgerState & { apply(entry: LedgerEntry): void } {
  const finished = new Map<string, string>()
  const unfinished = new Map<string, ProgressEntry>()
  return {
    finished,
    unfinished,
    apply(entry) {
      if (entry.topic !== topic) return
      if (entry.status === 'finished') {
        unfinished.delete(entry.object)
        finished.set(entry.object, entry.etag)
      } else {
        finished.delete(entry.object)
        unfinished.set(entry.object, entry)
      }
    },
  }
}
