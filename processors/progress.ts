import type { Clock } from '../runtime/clock.ts'
import type { Halted } from './initialise.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { Tenure } from './tenure.ts'

/** What a member knows of its own work, told after every assignment and flush. */
export interface Progress {
  memberId: string
  generationId: number
  /** The table version of the last flush; null before the first. */
  tableVersion: number | null
  /** Epoch ms of the last flush. */
  lastFlushMs: number | null
  partitions: PartitionReport[]
  halted: { partition: number; reason: string; message: string }[]
}

export interface PartitionReport {
  partition: number
  /** Next offset to aggregate. */
  position: number
  /** Position by the last flush that was begun. */
  flushedTo: number
  /** Between the position and the end of the log as last seen; null before the first answer. */
  lagRecords: number | null
  watermarkMs: number | null
}

export interface ProgressMeter {
  observe(owned: OwnedPartition, highWatermark: number): void
  flushed(version: number): void
  report(tenure: Tenure, owned: Iterable<OwnedPartition>, halted: Iterable<Halted>): Progress
}

export function createProgressMeter(clock: Clock): ProgressMeter {
  const logEnds = new WeakMap<OwnedPartition, number>()
  let tableVersion: number | null = null
  let lastFlushMs: number | null = null
  return {
    observe: (owned, highWatermark) => logEnds.set(owned, highWatermark),
    flushed(version) {
      tableVersion = version
      lastFlushMs = clock.nowMs()
    },
    report: ({ memberId, generationId }, owned, halted) => ({
      memberId,
      generationId,
      tableVersion,
      lastFlushMs,
      partitions: [...owned].map((one) => {
        const logEnd = logEnds.get(one)
        return {
          partition: one.partition,
          position: one.position,
          flushedTo: one.sealedTo,
          lagRecords: logEnd === undefined ? null : Math.max(0, logEnd - one.position),
          watermarkMs: one.watermarkMs,
        }
      }),
      halted: [...halted].map(({ partition, reason, message }) => ({ partition, reason, message })),
    }),
  }
}
