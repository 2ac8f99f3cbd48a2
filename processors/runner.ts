/**
 * One member of the consumer group: joins, serves one tenure after the other, leaves. A broker that is away is waited
 * for; a membership that crashed or got stuck is replaced by a new one. What no waiting mends ends the process.
 */
import type { DeadLetters, Membership } from '../broker/index.ts'
import { AppError, errorMessage } from '../runtime/errors.ts'
import { backoffMs } from '../runtime/retry.ts'
import type { ConsumeOptions, ConsumeParts } from './consume.ts'
import { consume } from './consume.ts'
import { createDeadLetterOutbox } from './dead-letter-outbox.ts'
import type { Tenures } from './tenure.ts'
import { createTenures, MembershipLost } from './tenure.ts'

export interface ProcessorOptions extends ConsumeOptions {
  sessionTimeoutMs: number
}

export interface ProcessorParts extends Omit<ConsumeParts, 'deadLetters'> {
  /** Joins the group of the options; the callbacks as in broker/'s joinGroup. */
  join(callbacks: Pick<Tenures, 'onAssigned' | 'onRevoked' | 'onCrash'>): Promise<Membership>
  openDeadLetters(): Promise<DeadLetters>
}

/** How many session timeouts a member that was fenced waits for its next assignment before it joins anew. */
const patienceInSessions = 3
const maxRejoinMs = 15_000

/**
 * Runs until `signal` aborts; then it stops reading, flushes, commits and leaves the group.
 * @throws what only a person, or a restart of the process, can mend
 */
export async function runProcessor(
  options: ProcessorOptions,
  parts: ProcessorParts,
  signal: AbortSignal,
): Promise<void> {
  const { log, clock } = parts
  const deadLetters = createDeadLetterOutbox(parts.openDeadLetters)
  let failures = 0
  try {
    while (!signal.aborted) {
      try {
        await serveMembership(options, { ...parts, deadLetters }, signal, () => {
          failures = 0
        })
      } catch (error) {
        if (!(error instanceof AppError) || error.remedy !== 'retry') throw error
        const waitMs = backoffMs(failures++, { baseMs: 500, maxMs: maxRejoinMs })
        log.warn('joining the group again', { waitMs: Math.round(waitMs), error: errorMessage(error) })
        await clock.sleep(waitMs, signal)
      }
    }
  } finally {
    await deadLetters.close()
  }
}

async function serveMembership(
  options: ProcessorOptions,
  parts: ConsumeParts & Pick<ProcessorParts, 'join'>,
  signal: AbortSignal,
  onServed: () => void,
): Promise<void> {
  const tenures = createTenures()
  const membership = await joinUnlessStopped(parts.join(tenures), signal)
  if (membership === null) return
  let waiting = signal
  try {
    for (;;) {
      const tenure = await tenures.next(waiting)
      if (signal.aborted) return
      if (tenure === null)
        throw new MembershipLost('the group took this member out and assigned nothing since')
      await consume(parts, options, tenure, signal)
      onServed()
      if (signal.aborted) return
      // The group's own heartbeat should notice as well and bring a new assignment; if it does not, join anew.
      const patience = AbortSignal.timeout(options.sessionTimeoutMs * patienceInSessions)
      waiting = AbortSignal.any([signal, patience])
    }
  } finally {
    tenures.endAll()
    await membership
      .leave()
      .catch((error: unknown) => parts.log.warn('could not leave the group', { error: errorMessage(error) }))
  }
}

/** A join may take long while the broker is away; nobody waits for it once the process is asked to stop. */
async function joinUnlessStopped(
  joining: Promise<Membership>,
  signal: AbortSignal,
): Promise<Membership | null> {
  let onAbort = (): void => {}
  const stopped = new Promise<null>((resolve) => {
    onAbort = () => resolve(null)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
  const membership = await Promise.race([joining, stopped])
  signal.removeEventListener('abort', onAbort)
  // Should it join after all: the session timeout takes it out, unless it can still say so itself.
  if (membership === null) joining.then((late) => late.leave()).catch(() => {})
  return membership
}
