/**
 * One object to the topic. The order that makes it exact:
 *
 *   progress entry that names this producer -> lines, with a progress entry at least every 50,000 of them, each after
 *   what came before it is acknowledged -> all acknowledged, dead letters too -> finished entry
 *
 * so wherever the process dies, the ledger has a line, and the offsets from which to count what came after it.
 */
import type { Logger } from '../../runtime/log.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { createLineIntake } from '../line-intake.ts'
import type { LinePublisher } from '../line-publisher.ts'
import { createLineCursor } from '../lines.ts'
import type { ProgressBar } from '../progress-bar.ts'
import { openText } from '../text-source.ts'
import type { AlreadySent } from './already-sent.ts'
import type { Ledger } from './ledger.ts'
import type { ResumePoint, Sending } from './ledger-entry.ts'
import type { ReplayWork } from './plan.ts'

export interface ObjectReplayParts {
  store: ObjectStore
  ledger: Ledger
  lines: LinePublisher
  alreadySent: AlreadySent
  progress: ProgressBar
  log: Logger
  signal: AbortSignal
}

export interface ObjectReplayOptions {
  topic: string
  maxLineBytes: number
  checkpointLines: number
  /** The producer at work and the ends of its partitions when it began. */
  sender: Pick<Sending, 'producerId' | 'parsing'> & { endOffsets: ReadonlyMap<number, number> }
}

export interface ObjectOutcome {
  kind: 'finished' | 'stopped'
  point: ResumePoint
}

/**
 * Goes on at `work.from`; `alreadySent` must be set for it. On return all that was sent is acknowledged, and the
 * entry that says so is in the ledger, which is flushed with the next object's first entry or by the caller.
 * @throws {ObjectNotFound}
 */
export async function replayObject(
  work: ReplayWork,
  parts: ObjectReplayParts,
  options: ObjectReplayOptions,
): Promise<ObjectOutcome> {
  const { store, ledger, lines, alreadySent, progress, log, signal } = parts
  const { topic, sender, maxLineBytes, checkpointLines } = options
  const { object, from } = work
  const version = { topic, object: object.key, etag: object.etag, size: object.size }
  const before = { events: lines.events, deadLetters: lines.deadLetters }
  const startByte = from.nextByte ?? 0
  const chunks = store.stream(object.key, { start: startByte, signal })
  const source = await openText(chunks, { isRest: startByte > 0, signal })
  // Gzip data is read again from its beginning, and the lines up to `from` are passed over.
  const start = source.isGzip ? { line: 0, nextByte: 0 } : { line: from.line, nextByte: startByte }
  const cursor = createLineCursor({ maxLineBytes, from: start })
  const isAtBeginning = from.line === 0
  const intake = createLineIntake({ cursor, lines, name: object.key, maxLineBytes, isAtBeginning })
  let checkpointLine = from.line + checkpointLines
  let reported = { bytes: 0, line: from.line }

  addProgress(from, sendingNow())
  await ledger.flush()
  const kind = await replayLines()
  await lines.flush()
  finish()
  return { kind, point: pointHere() }

  async function replayLines(): Promise<'finished' | 'stopped'> {
    for await (const slice of source.slices) {
      cursor.push(slice)
      const goesOn = await takeLines()
      reportProgress()
      if (!goesOn) return 'finished'
      if (signal.aborted) return 'stopped'
      await lines.relieve()
    }
    if (signal.aborted) return 'stopped'
    if (source.damage !== null) intake.rejectTail(source.damage)
    else {
      cursor.finish()
      await takeLines()
    }
    reportProgress()
    if (source.fetchedBytes + startByte !== object.size) {
      log.warn('object changed while it was read', { object: object.key })
    }
    return 'finished'
  }

  /** @returns false when the rest of the object is not worth a look */
  async function takeLines(): Promise<boolean> {
    while (cursor.next()) {
      if (cursor.line <= from.line) continue
      if (!intake.take()) return false
      if (cursor.line >= checkpointLine) await checkpoint()
    }
    return true
  }

  async function checkpoint(): Promise<void> {
    checkpointLine = cursor.line + checkpointLines
    await lines.flush()
    addProgress(pointHere(), sendingNow())
    await ledger.flush()
  }

  function finish(): void {
    const point = pointHere()
    if (kind === 'stopped') {
      // Nothing is under way, so the next replayer need not look for it, unless there was something from before.
      addProgress(point, alreadySent.left.size === 0 ? null : sendingNow())
      return
    }
    const { line, events, deadLetters } = point
    ledger.add({ ...version, status: 'finished', line, events, deadLetters })
    if (alreadySent.left.size > 0) {
      log.error('topic has more events of an object than its lines explain', {
        object: object.key,
        surplus: Object.fromEntries(alreadySent.left),
      })
    }
  }

  function addProgress(point: ResumePoint, sending: Sending | null): void {
    ledger.add({ ...version, status: 'progress', point, sending })
  }

  function sendingNow(): Sending {
    const { producerId, parsing, endOffsets } = sender
    // Copies: the entry stays in the ledger's state while these go on changing.
    const nextOffsets = new Map([...endOffsets, ...lines.nextOffsets])
    return { producerId, parsing, nextOffsets, alreadySent: new Map(alreadySent.left) }
  }

  function pointHere(): ResumePoint {
    if (cursor.line <= from.line) return from
    return {
      line: cursor.line,
      nextByte: source.isGzip ? null : cursor.nextByte,
      events: from.events + lines.events - before.events,
      deadLetters: from.deadLetters + lines.deadLetters - before.deadLetters,
    }
  }

  function reportProgress(): void {
    const line = Math.max(cursor.line, reported.line)
    progress.advance({ bytes: source.fetchedBytes - reported.bytes, lines: line - reported.line })
    reported = { bytes: source.fetchedBytes, line }
  }
}
