import type { Gap } from '../../../processors/assign.ts'
import type { ObjectStore } from '../../../storage/index.ts'
import { parseCommit } from '../../../table/log/parse.ts'
import type { Snapshot } from '../../../table/log/snapshot.ts'
import { commitKey } from '../../../table/log/versions.ts'
import type { TableRows } from '../../../table/rows.ts'
import { isBad } from './sealed.ts'

/** How often the live rows count each good offset: [partition][offset]. */
export function timesCounted(
  snapshot: Snapshot,
  files: ReadonlyMap<string, TableRows>,
): Map<number, Map<number, number>> {
  const times = new Map<number, Map<number, number>>()
  for (const path of snapshot.files.keys()) {
    const rows = files.get(path)
    if (!rows) throw new Error(`the log names ${path}, which nobody wrote`)
    for (let at = 0; at < rows.length; at++) {
      const partition = rows.kafkaPartition[at] ?? 0
      const offsets = times.get(partition) ?? new Map<number, number>()
      times.set(partition, offsets)
      for (let offset = rows.firstOffset[at] ?? 0; offset <= (rows.lastOffset[at] ?? 0); offset++) {
        if (!isBad(offset)) offsets.set(offset, (offsets.get(offset) ?? 0) + 1)
      }
    }
  }
  return times
}

/** The gaps on record, and where each partition was first placed: what expired before that was never owed. */
export async function readInitCommits(
  store: ObjectStore,
  lastVersion: number,
): Promise<{ gaps: Gap[]; firstPositions: Map<number, number> }> {
  const gaps: Gap[] = []
  const firstPositions = new Map<number, number>()
  for (let version = 1; version <= lastVersion; version++) {
    for (const action of parseCommit(await store.get(commitKey(version)), `version ${version}`)) {
      if (action.kind !== 'commitInfo' || action.info.operation !== 'DATAFLOW INIT') continue
      // In the very shape that initialise.ts writes.
      const info = action.info as { gaps: Gap[]; positions: Record<string, number> }
      gaps.push(...info.gaps)
      for (const [partition, offset] of Object.entries(info.positions)) {
        if (!firstPositions.has(Number(partition))) firstPositions.set(Number(partition), offset)
      }
    }
  }
  return { gaps, firstPositions }
}
