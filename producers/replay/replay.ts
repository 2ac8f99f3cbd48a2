/**
 * Raw objects to the topic, each line once (D7). A session has new producers, reads the ledger to its end, then lists,
 * plans and sends until there is no more, or for ever. A failure that may pass ends the session, not the replay: the
 * next session learns from the ledger and the log how far the last one got.
 */
import { AppError, errorMessage } from '../../runtime/errors.ts'
import { retry } from '../../runtime/retry.ts'
import { defaultMaxLineBytes } from '../lines.ts'
import { createObjectLister } from './list.ts'
import { bytesLeft, type ChangedObject, planReplay, type ReplayPlan, type ReplayWork } from './plan.ts'
import { openSession, type ReplaySession, type SessionOptions, type SessionParts } from './session.ts'

export interface ReplayParts extends SessionParts {
  /** Called when nothing is left to replay: the first time, and after all that came later. */
  onCaughtUp?(summary: Readonly<ReplaySummary>): void
}

export interface ReplayOptions extends Pick<SessionOptions, 'topic' | 'encoding' | 'parsing'> {
  /** Keep watching for new objects until the signal. */
  follow: boolean
  polling?: Polling
  maxLineBytes?: number
  checkpointLines?: number
}

export interface Polling {
  pollMs: number
  /** How old an object must be to count as wholly written. */
  settleMs: number
}

/** What this run did. */
export interface ReplaySummary {
  /** Finished, perhaps begun by an earlier run. */
  objects: number
  lines: number
  events: number
  deadLetters: number
  /** Keys of objects that were left alone: replaced after they were replayed, or sent to an unknown extent. */
  changed: string[]
  uncertain: string[]
}

const settlingPollMs = 250

/** A folder is cheap to look at, but its files can be seen before they are whole; a bucket is the other way round. */
export function pollingOf(storeUrl: string): Polling {
  if (storeUrl.startsWith('s3:')) return { pollMs: 15_000, settleMs: 0 }
  if (storeUrl.startsWith('file:')) return { pollMs: 1_000, settleMs: 1_000 }
  return { pollMs: 1_000, settleMs: 0 }
}

export async function replay(parts: ReplayParts, options: ReplayOptions): Promise<ReplaySummary> {
  const { store, progress, log, clock, signal, onCaughtUp } = parts
  const { follow, polling = pollingOf(store.url) } = options
  const sessionOptions = { maxLineBytes: defaultMaxLineBytes, checkpointLines: 50_000, ...options }
  const lister = createObjectLister(store, log)
  const summary: ReplaySummary = {
    objects: 0,
    lines: 0,
    events: 0,
    deadLetters: 0,
    changed: [],
    uncertain: [],
  }
  const leftAlone = new Set<string>()
  let hasSaidWaiting = false
  let hasCaughtUp = false

  try {
    await retry(runSession, {
      clock,
      signal,
      onRetry: (error, attempt, waitMs) =>
        log.warn('replay interrupted, goes on from its ledger', { error, attempt, waitMs }),
    })
  } catch (error) {
    if (!signal.aborted || !mayFollowAbort(error)) throw error
    log.info('replay stopped, the next one goes on from its ledger', { error: errorMessage(error) })
  } finally {
    progress.clear()
  }
  return summary

  async function runSession(): Promise<void> {
    const session = await openSession(parts, sessionOptions)
    try {
      while (!signal.aborted) {
        const objects = await lister.list(signal)
        const plan = planReplay(objects, session.ledger, { nowMs: clock.nowMs(), settleMs: polling.settleMs })
        for (const changed of plan.changed) reportChanged(changed)
        const hasWorked = await carryOut(plan, session)
        if (plan.settling === 0 && (hasWorked || !hasCaughtUp) && !signal.aborted) sayCaughtUp()
        if (!follow && plan.settling === 0) return
        if (objects.length === 0) sayWaiting()
        // A file that was just written need not wait for a whole poll once it has settled.
        await clock.sleep(
          plan.settling > 0 ? Math.min(polling.pollMs, settlingPollMs) : polling.pollMs,
          signal,
        )
      }
    } finally {
      await session.close()
    }
  }

  /** @returns whether there was anything to do */
  async function carryOut(plan: ReplayPlan, session: ReplaySession): Promise<boolean> {
    const work = plan.work.filter(({ object }) => !leftAlone.has(versionOf(object)))
    if (work.length === 0) return false
    progress.expect(bytesLeft(work))
    try {
      for (const item of work) {
        if (signal.aborted) break
        await carryOutOne(item, session)
      }
    } catch (error) {
      // Not every call ends in peace when the signal aborts, but what was done is still worth an entry.
      if (!signal.aborted || !isAbort(error)) throw error
    }
    await session.flushLedger()
    progress.clear()
    return true
  }

  async function carryOutOne(work: ReplayWork, session: ReplaySession): Promise<void> {
    const { object, from } = work
    const outcome = await session.replay(work)
    switch (outcome.kind) {
      case 'gone':
        log.warn('object was deleted before it was replayed', { object: object.key })
        return
      case 'uncertain':
        leftAlone.add(versionOf(object))
        summary.uncertain.push(object.key)
        log.error('object is left alone: which of its lines are in the topic cannot be told', {
          object: object.key,
          certainLines: from.line,
          why: outcome.why,
          remedy:
            'go back to the settings of the interrupted replay, or remove its certain lines and rename it',
        })
        return
      case 'finished':
      case 'stopped':
        if (outcome.kind === 'finished') summary.objects++
        summary.lines += outcome.point.line - from.line
        summary.events += outcome.point.events - from.events
        summary.deadLetters += outcome.point.deadLetters - from.deadLetters
        log.debug('object replayed', { object: object.key, from: from.line, to: outcome.point.line })
        return
      default:
        throw new Error(`unknown outcome ${outcome satisfies never}`)
    }
  }

  function reportChanged({ object, replayedEtag, replayedLines }: ChangedObject): void {
    if (leftAlone.has(versionOf(object))) return
    leftAlone.add(versionOf(object))
    summary.changed.push(object.key)
    log.warn('object was replaced after it was replayed, its new content is not replayed', {
      object: object.key,
      replayedLines: replayedLines ?? 'all',
      replayedEtag,
      etag: object.etag,
      remedy: 'give new content a new name',
    })
  }

  function sayCaughtUp(): void {
    hasCaughtUp = true
    const { objects, lines, events, deadLetters } = summary
    log.info('replay caught up', { objects, lines, events, deadLetters })
    onCaughtUp?.(summary)
  }

  function sayWaiting(): void {
    if (hasSaidWaiting) return
    hasSaidWaiting = true
    log.info('no objects to replay yet, waiting', { url: store.url })
  }
}

/** What an abort itself makes of work under way, and failures that nobody is left to retry. */
function mayFollowAbort(error: unknown): boolean {
  if (error instanceof AppError) return error.remedy === 'retry'
  return isAbort(error)
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

function versionOf({ key, etag }: { key: string; etag: string }): string {
  return `${etag} ${key}`
}
