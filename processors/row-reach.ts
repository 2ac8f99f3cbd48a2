import { readTags, type Snapshot } from '../table/index.ts'

/**
 * The largest offset in any live row, per Kafka partition. Files that another tool rewrote carry no tags and are left
 * out: this guards against a damaged log, which such a tool does not cause.
 */
export function maxLastOffsets(snapshot: Pick<Snapshot, 'files'>): Map<number, number> {
  const reach = new Map<number, number>()
  for (const file of snapshot.files.values()) {
    for (const [partition, { maxLast }] of readTags(file) ?? []) {
      if (maxLast > (reach.get(partition) ?? -1)) reach.set(partition, maxLast)
    }
  }
  return reach
}
