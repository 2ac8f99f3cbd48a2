import type { ObjectInfo } from '../../storage/index.ts'
import { objectStart, type ResumePoint, type Sending } from './ledger-entry.ts'
import type { LedgerState } from './ledger-state.ts'

export interface ReplayWork {
  object: ObjectInfo
  from: ResumePoint
  /** Another replayer's sends beyond `from`, of which some may be in the topic. */
  sending: Sending | null
}

/** Replaced after all or some of it was replayed: its old lines are in the topic, so its new ones must not follow. */
export interface ChangedObject {
  object: ObjectInfo
  replayedEtag: string
  /** Lines that are in the topic for certain; null for all. */
  replayedLines: number | null
}

export interface ReplayPlan {
  work: ReplayWork[]
  changed: ChangedObject[]
  /** Objects that may still be written; the next listing has them. */
  settling: number
}

export interface PlanOptions {
  nowMs: number
  /** An object younger than this may be half written: for stores where writing a file is not atomic. */
  settleMs: number
}

/** What is to be done, in key order. Pure. */
export function planReplay(
  objects: readonly ObjectInfo[],
  ledger: LedgerState,
  { nowMs, settleMs }: PlanOptions,
): ReplayPlan {
  const plan: ReplayPlan = { work: [], changed: [], settling: 0 }
  for (const object of objects) {
    const finishedEtag = ledger.finished.get(object.key)
    const unfinished = ledger.unfinished.get(object.key)
    const knownEtag = finishedEtag ?? unfinished?.etag
    const ageMs = nowMs - object.modifiedMs
    if (knownEtag !== undefined && knownEtag !== object.etag) {
      const replayedLines = finishedEtag === undefined ? (unfinished?.point.line ?? 0) : null
      plan.changed.push({ object, replayedEtag: knownEtag, replayedLines })
    } else if (finishedEtag === undefined && ageMs >= 0 && ageMs < settleMs) {
      plan.settling++
    } else if (finishedEtag === undefined) {
      const from = unfinished?.point ?? objectStart
      plan.work.push({ object, from, sending: unfinished?.sending ?? null })
    }
  }
  return plan
}

/** Stored bytes still to read. */
export function bytesLeft(work: readonly ReplayWork[]): number {
  return work.reduce((bytes, { object, from }) => bytes + Math.max(0, object.size - (from.nextByte ?? 0)), 0)
}
