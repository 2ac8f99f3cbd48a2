import type { FileHandle } from 'node:fs/promises'
import type { FsyncPolicy } from './data-dir.ts'
import { writeFully } from './durable-files.ts'
import { PartitionGone, StorageFailed } from './errors.ts'
import { createGroupSync } from './group-sync.ts'
import type { Segment } from './segments.ts'
import type { Slots } from './slots.ts'

/**
 * Writes queued batches in order: one writev in flight, everything queued meanwhile in the next. That is group commit
 * without a timer. The high watermark moves past bytes only when they are durable, so that nothing a consumer acted
 * upon can vanish, and its offset be given to another record, in a power loss.
 *
 *   write() -> queue -> writev -> [fdatasync] -> high watermark -> readers
 *                          `--- acknowledged here, or with `always` after the sync
 */
export interface LogWriter {
  readonly highWatermark: number
  /** Rejects with {StorageFailed} or {PartitionGone}; after the first failure nothing is written any more. */
  write(batch: QueuedBatch): Promise<void>
  /** Resolves when all that was queued before is written. */
  written(): Promise<void>
  /** Resolves when all that was queued before is below the high watermark. */
  settled(): Promise<void>
  /** Writes and syncs what is queued, then refuses more. */
  close(): Promise<void>
  /** Refuses what is queued. */
  discard(): Promise<void>
}

export interface QueuedBatch {
  bytes: Buffer
  baseOffset: number
  nextOffset: number
  maxTimestampMs: number
}

export interface ActiveSegment {
  segment: Segment
  handle: FileHandle
}

export interface LogWriterOptions {
  /** topic/partition, for messages. */
  name: string
  fsync: FsyncPolicy
  active: ActiveSegment
  /** Bounds the syncs that run at once over all partitions: more would fill Node's pool of four file threads. */
  syncSlots: Slots
  /** Makes durable what was written to the file; called again only after a success. */
  sync(handle: FileHandle): Promise<void>
  mustRoll(segment: Segment, batch: QueuedBatch, addedBytes: number): boolean
  /** Called with a full, durable segment and the queue held; gives the next one to write to. */
  roll(full: ActiveSegment): Promise<ActiveSegment>
  onReadable(): void
  onFailure(error: StorageFailed): void
}

interface Pending {
  /** Null: only wait for what is before. */
  batch: QueuedBatch | null
  resolve(): void
  reject(error: unknown): void
}

const maxRunBytes = 8 * 1024 * 1024
const maxRunBatches = 512

export function createLogWriter(options: LogWriterOptions): LogWriter {
  const { name, fsync, mustRoll, roll } = options
  let active = options.active
  let highWatermark = active.segment.nextOffset
  let queue: Pending[] = []
  let draining: Promise<void> | null = null
  let refusal: StorageFailed | PartitionGone | null = null

  const groupSync = createGroupSync(
    () =>
      options.syncSlots(async () => {
        if (refusal) throw refusal
        const { handle, segment } = active
        const endOffset = segment.nextOffset
        // Asked for twice, it may come when the file, durable by now, is being closed for the next one.
        if (endOffset <= highWatermark) return
        try {
          await options.sync(handle)
        } catch (error) {
          // The kernel may have dropped the dirty pages and would call the next sync a success: never try again.
          throw fail(error)
        }
        show(endOffset)
      }),
    () => {}, // `fail` has told everyone
  )

  function show(endOffset: number): void {
    if (endOffset <= highWatermark || refusal) return
    highWatermark = endOffset
    options.onReadable()
  }

  function fail(cause: unknown): StorageFailed | PartitionGone {
    if (refusal) return refusal
    const error = new StorageFailed(name, cause)
    refuse(error)
    options.onFailure(error)
    return error
  }

  function refuse(error: StorageFailed | PartitionGone): void {
    refusal ??= error
    const refused = queue
    queue = []
    for (const pending of refused) pending.reject(error)
  }

  function enqueue(batch: QueuedBatch | null): Promise<void> {
    if (refusal) return Promise.reject(refusal)
    const done = new Promise<void>((resolve, reject) => queue.push({ batch, resolve, reject }))
    draining ??= drain()
    return done
  }

  async function drain(): Promise<void> {
    // One tick later, so that batches of the same request, or of requests read together, share the first write.
    await Promise.resolve()
    while (queue.length > 0) {
      const run = takeRun()
      try {
        await writeRun(run)
        for (const pending of run) pending.resolve()
      } catch (error) {
        const refused = fail(error)
        for (const pending of run) pending.reject(refused)
      }
    }
    draining = null
  }

  /** As many queued batches as fit in one write and in the active segment; a first that does not fit comes alone. */
  function takeRun(): Pending[] {
    let bytes = 0
    let count = 0
    for (const { batch } of queue) {
      if (count > 0 && batch) {
        if (count >= maxRunBatches || bytes + batch.bytes.length > maxRunBytes) break
        if (mustRoll(active.segment, batch, bytes)) break
      }
      bytes += batch?.bytes.length ?? 0
      count++
    }
    return queue.splice(0, count)
  }

  async function writeRun(run: readonly Pending[]): Promise<void> {
    const batches = run.flatMap(({ batch }) => batch ?? [])
    const [first] = batches
    if (!first) return
    if (mustRoll(active.segment, first, 0)) await rollOver()
    const { handle, segment } = active
    await writeFully(
      handle,
      batches.map(({ bytes }) => bytes),
      segment.byteLength,
    )
    for (const batch of batches) {
      segment.index.note({ ...batch, position: segment.byteLength })
      segment.byteLength += batch.bytes.length
      segment.nextOffset = batch.nextOffset
    }
    if (fsync === 'always') await groupSync.now()
    else if (fsync === 'interval') groupSync.request()
    else show(segment.nextOffset)
  }

  async function rollOver(): Promise<void> {
    if (fsync !== 'never' && highWatermark < active.segment.nextOffset) await groupSync.now()
    active = await roll(active)
  }

  return {
    get highWatermark() {
      return highWatermark
    },
    write: enqueue,
    written: () => (draining || refusal ? enqueue(null) : Promise.resolve()),
    async settled() {
      // What failed to be written was not acknowledged; what was, must still become durable.
      if (draining) await enqueue(null).catch(() => {})
      if (highWatermark < active.segment.nextOffset) await groupSync.now()
    },
    async close() {
      if (draining) await enqueue(null).catch(() => {}) // told to those who wrote
      try {
        if (fsync !== 'never' && !refusal && highWatermark < active.segment.nextOffset) await groupSync.now()
      } finally {
        refuse(new PartitionGone(name))
        await active.handle.close()
      }
    },
    async discard() {
      refuse(new PartitionGone(name))
      await draining
      await active.handle.close()
    },
  }
}
