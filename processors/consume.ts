/**
 * One tenure, from INIT to its end: fetch ahead, aggregate, flush in the background.
 *
 *   fetch n+1  ------------->  fetch n+2 ...
 *   aggregate n  ---------->   aggregate n+1 ...
 *        flush k  ------------------->  flush k+1 ...
 *
 * Memory is bounded: one answer being aggregated, one fetched ahead, one flush under way, one buffer within the limits.
 * When a flush is due before the last one has landed, reading stops until it has. Nothing gathered survives the tenure.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { KafkaClient, RecordCursor } from '../broker/index.ts'
import type { Projection } from '../events/index.ts'
import type { Table } from '../table/index.ts'
import type { Aggregate } from './aggregate.ts'
import type { Answer } from './fetch-ahead.ts'
import { createFetchAhead } from './fetch-ahead.ts'
import type { FlushParts, FlushResult, FlushStep } from './flush.ts'
import { flush } from './flush.ts'
import { createQuietWatch, markIdle } from './idle.ts'
import type { Halted, InitialiseOptions, InitialiseStep } from './initialise.ts'
import { initialise } from './initialise.ts'
import { createJobSlot } from './job-slot.ts'
import type { OwnedPartition } from './owned-partition.ts'
import { createOwnedPartition } from './owned-partition.ts'
import type { Progress } from './progress.ts'
import { createProgressMeter } from './progress.ts'
import type { Tenure } from './tenure.ts'
import { createWakeup } from './wakeup.ts'
import { whileHeld } from './while-held.ts'

export interface ConsumeOptions extends InitialiseOptions {
  flush: FlushLimits
  fetch: { maxBytes: number; maxWaitMs: number; isolation: 'read_committed' | 'read_uncommitted' }
  /** A partition at the end of its log for so long holds the watermark back no more. */
  idleTimeoutMs: number
  /** How long the last flush may take once the process is asked to stop. */
  shutdownTimeoutMs: number
}

/** A flush begins at the earliest of these. */
export interface FlushLimits {
  intervalMs: number
  maxGroups: number
  /** Of groups and held dead letters, roughly. */
  maxBytes: number
}

export interface ConsumeParts extends Omit<FlushParts, 'kafka' | 'table' | 'onStep'> {
  kafka: Pick<KafkaClient, 'listOffsets' | 'committedOffsets' | 'commitOffsets' | 'openReader'>
  table: Pick<Table, 'snapshot' | 'refresh' | 'writeFiles' | 'commit'>
  projection: Projection
  cursor: RecordCursor
  createAggregate(resumeWatermarkMs: number | null): Aggregate
  /** Named steps of INIT and FLUSH, for tests that stop the world between two of them. */
  onStep?: (step: InitialiseStep | FlushStep) => void | Promise<void>
  onProgress?: (progress: Progress) => void
}

/** What one group costs in an aggregate, roughly. */
const groupBytes = 200
/** Records aggregated between two looks at the clock. */
const recordsPerChunk = 2_048
/** How long aggregation keeps the event loop, where heartbeats run. */
const sliceMs = 15
const maxNapMs = 1_000

/** Returns when the tenure ends, or when `stop` aborts and the last flush has landed. */
export async function consume(
  parts: ConsumeParts,
  options: ConsumeOptions,
  tenure: Tenure,
  stop: AbortSignal,
): Promise<void> {
  const { kafka, table, clock, log, projection } = parts
  const owned = new Map<number, OwnedPartition>()
  const halted = new Map<number, Halted>()
  const wakeup = createWakeup(clock)
  const job = createJobSlot<FlushResult>(wakeup.wake)
  const quiet = createQuietWatch(options.idleTimeoutMs)
  const meter = createProgressMeter(clock)
  const reader = kafka.openReader({ topic: options.topic, ...options.fetch })
  const fetching = createFetchAhead(reader, { clock, log, wake: wakeup.wake })
  const ending = AbortSignal.any([tenure.signal, stop])
  let lastFlushMs = clock.nowMs()
  let sliceStartMs = performance.now()
  let replacements = 0

  const place = async (partitions: readonly number[]): Promise<void> => {
    for (const partition of partitions) owned.delete(partition)
    const placed = await whileHeld(parts, { signal: ending, doing: 'find positions' }, () =>
      initialise(parts, options, tenure, partitions),
    )
    if (placed?.kind !== 'ready') return
    for (const partition of partitions) halted.delete(partition)
    for (const halt of placed.halted) halted.set(halt.partition, halt)
    for (const progress of placed.positions) {
      const aggregate = parts.createAggregate(progress.watermarkMs)
      const one = createOwnedPartition({ ...parts, topic: options.topic, aggregate }, progress)
      owned.set(one.partition, one)
      if (progress.idleAtOffset !== null) quiet.marked(one, progress.idleAtOffset)
    }
    reportProgress()
  }
  const reportProgress = (): void => {
    parts.onProgress?.(meter.report(tenure, owned.values(), halted.values()))
  }

  const isDirty = (): boolean => [...owned.values()].some((one) => one.position > one.sealedTo)
  const isFull = (): boolean => {
    let groups = 0
    let bytes = 0
    for (const { groupCount, deadLetterBytes } of owned.values()) {
      groups += groupCount
      bytes += groupCount * groupBytes + deadLetterBytes
    }
    return groups >= options.flush.maxGroups || bytes >= options.flush.maxBytes
  }
  const flushIsDue = (): boolean =>
    isDirty() && (clock.nowMs() - lastFlushMs >= options.flush.intervalMs || isFull())
  const beginFlush = (): void => {
    const sealed = [...owned.values()].map((one) => one.seal())
    projection.reset()
    lastFlushMs = clock.nowMs()
    job.start(() => flush(parts, options, tenure, sealed))
  }
  const markQuiet = (): void => {
    const due = quiet.due(owned.values(), clock.nowMs())
    if (due.length === 0) return
    for (const one of due) quiet.marked(one, one.position)
    job.start(async () => {
      const marked = await whileHeld(parts, { signal: tenure.signal, doing: 'mark idle partitions' }, () =>
        markIdle(table, options, tenure, due),
      )
      return marked ?? { kind: 'ended' }
    })
  }
  /** Takes in what the background has done. */
  const settle = async (): Promise<void> => {
    const result = job.take()
    if (result === null) return
    // A tenure that the group still believes in is over for us too: what was sealed is gone from our buffers.
    if (result.kind === 'ended') return tenure.end()
    if (result.version !== null) meter.flushed(result.version)
    reportProgress()
    if (result.lost.length === 0) return
    if (ending.aborted) for (const partition of result.lost) owned.delete(partition)
    else await place(result.lost)
  }
  /** Between two chunks: lets others run, and flushes what is due, waiting for the flush before it. */
  const breathe = async (): Promise<void> => {
    if (performance.now() - sliceStartMs >= sliceMs) {
      await nextTurn()
      sliceStartMs = performance.now()
    }
    while (!ending.aborted && job.occupied && (!job.running || flushIsDue())) {
      if (job.running) await wakeup.wait(maxNapMs)
      else await settle()
    }
    if (!ending.aborted && flushIsDue()) beginFlush()
  }
  const aggregate = async (answers: readonly Answer[]): Promise<void> => {
    for (const { owned: one, fetched } of answers) {
      const isHeld = (): boolean => !ending.aborted && owned.get(one.partition) === one
      if (!isHeld()) continue
      if (fetched.kind === 'out_of_range') {
        await replaceOutOfRange(one)
        continue
      }
      for (const batch of fetched.batches) {
        if (!isHeld()) break
        one.open(batch)
        while (isHeld() && one.aggregate(recordsPerChunk)) await breathe()
        if (isHeld()) one.skipTo(batch.lastOffset + 1)
      }
      if (!isHeld()) continue
      one.skipTo(fetched.nextOffset)
      quiet.observe(one, one.position >= fetched.highWatermark, clock.nowMs())
      meter.observe(one, fetched.highWatermark)
      replacements = 0
      await breathe()
    }
  }
  /** Retention or a truncation overtook the position. What was read before counts first, then INIT decides. */
  const replaceOutOfRange = async (one: OwnedPartition): Promise<void> => {
    log.warn('position is outside the log', { partition: one.partition, position: one.position })
    await drainFlushes(ending)
    if (ending.aborted || owned.get(one.partition) !== one) return
    if (replacements++ > 0) await clock.sleep(maxNapMs, ending)
    await place([one.partition])
  }
  /** Flushes until nothing is left to flush, or the signal aborts. */
  const drainFlushes = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      while (job.running && !signal.aborted) await wakeup.wait(maxNapMs)
      if (signal.aborted) return
      await settle()
      if (!isDirty()) return
      beginFlush()
    }
  }
  /** After the end: waits for the flush under way, and when asked to stop flushes the rest, up to the deadline. */
  const finish = async (): Promise<void> => {
    let deadlineMs = Number.POSITIVE_INFINITY
    for (;;) {
      const nowMs = clock.nowMs()
      if (stop.aborted) deadlineMs = Math.min(deadlineMs, nowMs + options.shutdownTimeoutMs)
      if (nowMs >= deadlineMs) {
        log.warn('stopped before the last flush has landed: what it held is read again at the next start')
        return tenure.end()
      }
      if (job.running) {
        await wakeup.wait(Math.min(maxNapMs, deadlineMs - nowMs))
        continue
      }
      await settle()
      if (tenure.signal.aborted || !isDirty()) return
      beginFlush()
    }
  }
  const napMs = (): number => {
    const flushInMs = isDirty()
      ? options.flush.intervalMs - (clock.nowMs() - lastFlushMs)
      : Number.POSITIVE_INFINITY
    return Math.max(0, Math.min(maxNapMs, flushInMs, fetching.msUntilRetry()))
  }

  const onEnding = (): void => wakeup.wake()
  ending.addEventListener('abort', onEnding)
  try {
    await place(tenure.partitions)
    while (!ending.aborted) {
      await breathe()
      if (!job.occupied) markQuiet()
      fetching.request(owned.values())
      const answers = fetching.take()
      if (answers === null) {
        await wakeup.wait(napMs())
        continue
      }
      fetching.request(owned.values())
      await aggregate(answers)
    }
    await finish()
  } finally {
    ending.removeEventListener('abort', onEnding)
    await reader.close()
  }
}
