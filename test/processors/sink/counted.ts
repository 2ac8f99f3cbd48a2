import type { Snapshot } from '../../../table/log/snapshot.ts'
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
