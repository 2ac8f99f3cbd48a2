import { open } from 'node:fs/promises'
import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import { setBaseOffset, setLeaderEpoch, stampLogAppendTime } from '../../wire/index.ts'
import type { FsyncPolicy, TopicConfig } from './data-dir.ts'
import { isMissing, syncDirectory } from './durable-files.ts'
import { OffsetOutOfRange, PartitionGone, type StorageFailed } from './errors.ts'
import { type ActiveSegment, createLogWriter, type QueuedBatch } from './log-writer.ts'
import { readLoggedBatch } from './logged-batch.ts'
import type { PartitionLog, ReadLimit } from './partition-log.ts'
import { writeSnapshot } from './producer-snapshot.ts'
import type { ReadHandles } from './read-handles.ts'
import { type CleanEnd, recoverLog } from './recover-log.ts'
import { countExpired, type RetentionPolicy, retentionOf } from './retention.ts'
import { createSegmentReader } from './segment-reader.ts'
import {
  createSegmentFile,
  removeSegmentFiles,
  type Segment,
  segmentIndexOf,
  segmentPath,
  writeIndex,
} from './segments.ts'
import type { Slots } from './slots.ts'
import { createSparseIndex } from './sparse-index.ts'
import { createTailCache } from './tail-cache.ts'
import { findRecordSince } from './time-lookup.ts'

/** A partition as its data directory sees it. */
export interface OpenPartition extends PartitionLog {
  enforceRetention(nowMs: number): Promise<void>
  /** @returns null when the log failed: its next start must look at every byte */
  close(): Promise<CleanEnd | null>
  /** Before the files are removed: refuses everything, closes everything. */
  discard(): Promise<void>
}

export interface PartitionOptions {
  /** topic/partition, for messages. */
  name: string
  dir: string
  log: Logger
  clock: Clock
  fsync: FsyncPolicy
  segmentBytes: number
  retention: RetentionPolicy
  /** Of the topic, as it is now. */
  config(): TopicConfig
  handles: ReadHandles
  syncSlots: Slots
  logStartOffset: number
  saveLogStart(offset: number): Promise<void>
  cleanEnd: CleanEnd | null
}

const tailCacheBytes = 4 * 1024 * 1024
const maxSegmentMs = 7 * 86_400_000
const producerIdleMs = 86_400_000
const maxRelativeOffset = 0x7fffffff

export async function openPartition(options: PartitionOptions): Promise<OpenPartition> {
  const { name, dir, clock, handles, segmentBytes, config } = options
  const isDurable = options.fsync !== 'never'
  const log = options.log.child({ partition: name })
  const { segments, producers } = await recoverLog({
    dir,
    startOffset: options.logStartOffset,
    cleanEnd: options.cleanEnd,
    isDurable,
    nowMs: clock.nowMs(),
    log,
  })
  const listeners = new Set<() => void>()
  const reader = createSegmentReader({
    async use(path, work) {
      // A read under way must not open a file anew after `discard`: the next topic of that name would be given it.
      mustBeOpen()
      return handles.use(path, work)
    },
  })
  const tail = createTailCache(tailCacheBytes)
  const newest = segments.at(-1)
  if (!newest) throw new Error(`${name} was recovered without a segment`)

  let nextOffset = newest.nextOffset
  let logStartOffset = Math.min(nextOffset, Math.max(options.logStartOffset, segments[0]?.baseOffset ?? 0))
  let isGone = false
  let failure: StorageFailed | null = null

  const writer = createLogWriter({
    name,
    fsync: options.fsync,
    active: { segment: newest, handle: await open(newest.path, 'r+') },
    syncSlots: options.syncSlots,
    sync: (handle) => handle.datasync(),
    mustRoll,
    roll,
    onReadable: wake,
    onFailure(error) {
      failure = error
      log.error('partition stopped, its log cannot be written', { error })
      wake()
    },
  })

  function mustRoll(segment: Segment, batch: QueuedBatch, addedBytes: number): boolean {
    const byteLength = segment.byteLength + addedBytes
    if (byteLength === 0) return false
    return (
      byteLength + batch.bytes.length > segmentBytes ||
      batch.nextOffset - segment.baseOffset > maxRelativeOffset ||
      clock.nowMs() - segment.createdMs >= maxSegmentMs
    )
  }

  async function roll(full: ActiveSegment): Promise<ActiveSegment> {
    const baseOffset = full.segment.nextOffset
    await writeIndex(full.segment)
    await writeSnapshot(dir, { offset: baseOffset, producers: producers.snapshot(baseOffset) }, isDurable)
    const path = segmentPath(dir, baseOffset)
    await createSegmentFile(path)
    if (isDurable) await syncDirectory(dir)
    const handle = await open(path, 'r+')
    await full.handle.close()
    const segment = {
      baseOffset,
      path,
      createdMs: clock.nowMs(),
      index: createSparseIndex(baseOffset),
      byteLength: 0,
      nextOffset: baseOffset,
    }
    segments.push(segment)
    return { segment, handle }
  }

  function wake(): void {
    for (const listener of [...listeners]) listener()
  }

  /** Where readers must stop. The one place that will know of open transactions. */
  function limitOf(upTo: ReadLimit): number {
    return upTo === 'lso' ? stableOffset() : writer.highWatermark
  }

  function stableOffset(): number {
    return writer.highWatermark
  }

  function mustBeOpen(): void {
    if (isGone) throw new PartitionGone(name)
  }

  function mustHold(offset: number): void {
    if (offset < logStartOffset || offset > nextOffset) throw new OffsetOutOfRange(offset)
  }

  async function removeOldest(count: number): Promise<void> {
    const removed = segments.splice(0, count)
    logStartOffset = Math.max(logStartOffset, segments[0]?.baseOffset ?? 0)
    for (const segment of removed) {
      // In this order: a read in between would open the file again, and keep its space.
      await removeSegmentFiles(segment.path)
      await handles.drop(segment.path)
    }
    if (count > 0) log.info('removed old log files', { files: count, logStartOffset })
  }
  async function readFiles(fromOffset: number, maxBytes: number, limitOffset: number): Promise<Buffer> {
    const first = Math.max(0, segmentIndexOf(segments, fromOffset))
    for (const segment of segments.slice(first)) {
      if (segment.baseOffset >= limitOffset) break
      const bytes = await reader.read(segment, { fromOffset, maxBytes, limitOffset })
      if (bytes.length > 0) return bytes
    }
    return Buffer.alloc(0)
  }

  return {
    get logStartOffset() {
      return logStartOffset
    },
    get highWatermark() {
      return writer.highWatermark
    },
    get lastStableOffset() {
      return stableOffset()
    },
    get logEndOffset() {
      return nextOffset
    },

    // Nothing is awaited before the batch is queued: check, offset and place in the queue are one step.
    async append(bytes) {
      mustBeOpen()
      if (failure) throw failure
      const batch = readLoggedBatch(bytes)
      const isIdempotent = batch.producerId >= 0
      const first = isIdempotent && !batch.isControl ? producers.check(batch) : null
      if (first) {
        // The first one may still be on its way to the disk.
        await writer.written()
        return { ...first, duplicate: true }
      }
      const baseOffset = nextOffset
      nextOffset += batch.lastOffsetDelta + 1
      setBaseOffset(bytes, baseOffset)
      setLeaderEpoch(bytes, 0)
      const isStamped = config()['message.timestamp.type'] === 'LogAppendTime'
      const logAppendTimeMs = isStamped ? clock.nowMs() : -1
      if (isStamped) stampLogAppendTime(bytes, logAppendTimeMs)
      if (isIdempotent) producers.register(batch, { baseOffset, logAppendTimeMs }, clock.nowMs())
      tail.push({ bytes, baseOffset, nextOffset })
      const maxTimestampMs = isStamped ? logAppendTimeMs : batch.maxTimestampMs
      await writer.write({ bytes, baseOffset, nextOffset, maxTimestampMs })
      return { baseOffset, logAppendTimeMs, duplicate: false }
    },

    async read(fromOffset, maxBytes, { upTo }) {
      mustBeOpen()
      mustHold(fromOffset)
      const limitOffset = limitOf(upTo)
      if (fromOffset >= limitOffset) return Buffer.alloc(0)
      const cached = tail.read({ fromOffset, maxBytes, limitOffset })
      if (cached) return cached
      try {
        return await readFiles(fromOffset, maxBytes, limitOffset)
      } catch (error) {
        if (!isMissing(error)) throw error
        // Removed while it was read: the log now starts later, or is gone.
        mustBeOpen()
        mustHold(fromOffset)
        throw error
      }
    },

    readableBytes(fromOffset, { upTo }) {
      const limitOffset = limitOf(upTo)
      if (fromOffset >= limitOffset) return 0
      const cached = tail.byteLength(fromOffset, limitOffset)
      if (cached !== null) return cached
      const first = Math.max(0, segmentIndexOf(segments, fromOffset))
      const before = segments[first]?.index.positionForOffset(fromOffset) ?? 0
      return segments.slice(first).reduce((sum, segment) => sum + segment.byteLength, -before)
    },

    async offsetForTime(timestampMs) {
      mustBeOpen()
      const limitOffset = writer.highWatermark
      return findRecordSince(reader, segments, { timestampMs, offset: logStartOffset, limitOffset })
    },

    settled: writer.settled,

    onReadable(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    async deleteRecordsBefore(offset) {
      mustBeOpen()
      if (offset > writer.highWatermark) throw new OffsetOutOfRange(offset)
      if (offset <= logStartOffset) return logStartOffset
      logStartOffset = offset
      await options.saveLogStart(offset)
      const kept = segments.findIndex((segment) => segment.nextOffset > offset)
      await removeOldest(kept < 0 ? segments.length - 1 : kept)
      return logStartOffset
    },

    async enforceRetention(nowMs) {
      if (isGone) return
      producers.expire(nowMs - producerIdleMs)
      const facts = segments.map((segment) => ({
        ...segment,
        maxTimestampMs: segment.index.maxTimestampMs < 0 ? segment.createdMs : segment.index.maxTimestampMs,
      }))
      const policy = retentionOf(config(), options.retention)
      await removeOldest(countExpired(facts, policy, { nowMs, stableOffset: stableOffset() }))
    },

    async close() {
      isGone = true
      wake()
      await writer.close()
      const last = segments.at(-1)
      if (failure || !last) return null
      await writeIndex(last)
      const { baseOffset, byteLength, nextOffset: endOffset } = last
      await writeSnapshot(dir, { offset: endOffset, producers: producers.snapshot(endOffset) }, isDurable)
      return { baseOffset, byteLength, nextOffset: endOffset }
    },

    async discard() {
      isGone = true
      await writer.discard()
      for (const segment of segments) await handles.drop(segment.path)
      wake()
    },
  }
}
