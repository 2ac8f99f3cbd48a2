/**
 * IDLE: a partition that stays at the end of its log is marked once, so that it holds no watermark back and the last
 * windows of a quiet stream complete (D11). The mark names the offset, so the next event undoes it by moving on.
 */
import type { Table } from '../table/index.ts'
import { type ProgressKey, progressActions } from '../table/index.ts'
import { commitClaimed } from './claims.ts'
import type { FlushResult } from './flush.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { Tenure } from './tenure.ts'

export interface QuietWatch {
  /** Told with every answer: whether the partition has been aggregated up to the end of its log. */
  observe(owned: OwnedPartition, atLogEnd: boolean, nowMs: number): void
  /** Quiet for the timeout, flushed, and not marked at this offset yet. */
  due(owned: Iterable<OwnedPartition>, nowMs: number): OwnedPartition[]
  /** Its idle mark in the table is at this offset. */
  marked(owned: OwnedPartition, offset: number): void
}

export function createQuietWatch(idleTimeoutMs: number): QuietWatch {
  const sinceMs = new WeakMap<OwnedPartition, { atMs: number; offset: number }>()
  const marks = new WeakMap<OwnedPartition, number>()
  return {
    observe(owned, atLogEnd, nowMs) {
      const since = sinceMs.get(owned)
      if (!atLogEnd) sinceMs.delete(owned)
      else if (since?.offset !== owned.position) sinceMs.set(owned, { atMs: nowMs, offset: owned.position })
    },
    due: (owned, nowMs) =>
      [...owned].filter((one) => {
        const since = sinceMs.get(one)
        return (
          since !== undefined &&
          nowMs - since.atMs >= idleTimeoutMs &&
          since.offset === one.position &&
          one.sealedTo === one.position &&
          marks.get(one) !== one.position
        )
      }),
    marked: (owned, offset) => marks.set(owned, offset),
  }
}

/** Progress only, no files; a compare-and-swap like any other commit. */
export async function markIdle(
  table: Pick<Table, 'commit'>,
  key: ProgressKey,
  tenure: Tenure,
  quiet: readonly OwnedPartition[],
): Promise<FlushResult> {
  const result = await commitClaimed(table, {
    key,
    signal: tenure.signal,
    claims: quiet.map(({ partition, position, epoch }) => ({ partition, nextOffset: position, epoch })),
    actions: progressActions(
      key,
      quiet.map(({ partition, position }) => ({ partition, idleAtOffset: position })),
    ),
    info: {
      operation: 'DATAFLOW IDLE',
      member: tenure.memberId,
      idle: Object.fromEntries(quiet.map(({ partition, position }) => [partition, position])),
    },
  })
  switch (result.kind) {
    case 'committed':
      return { kind: 'flushed', version: result.version, lost: [] }
    case 'lost':
      return { kind: 'flushed', version: null, lost: result.partitions }
    case 'ended':
      return { kind: 'ended' }
    default:
      return result satisfies never
  }
}
