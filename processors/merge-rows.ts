import type { TableRows } from '../table/index.ts'
import { allocateRows } from '../table/index.ts'

/**
 * The rows of several Kafka partitions as one block, sorted by (event type, window) as a file must be; equal keys keep
 * the order of the parts. Rows are not added up across partitions: the offsets in a row belong to one partition.
 */
export function mergeRows(parts: readonly TableRows[]): TableRows {
  const filled = parts.filter((part) => part.length > 0)
  const [only] = filled
  if (only && filled.length === 1) return only
  const length = filled.reduce((sum, part) => sum + part.length, 0)
  const merged = allocateRows(length, parts[0]?.dimensions.length ?? 0)
  // Each part is sorted already, so taking the least head is enough; there are as many heads as owned partitions.
  const heads = filled.map(() => 0)
  for (let to = 0; to < length; to++) {
    const from = leastHead(filled, heads)
    const at = heads[from] ?? 0
    const part = filled[from]
    if (!part) throw new Error('merged rows past their end')
    heads[from] = at + 1
    copyRow(merged, to, part, at)
  }
  return merged
}

function leastHead(parts: readonly TableRows[], heads: readonly number[]): number {
  let least = -1
  let leastType = ''
  let leastWindowMs = 0
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]
    const at = heads[index] ?? 0
    if (!part || at >= part.length) continue
    const type = part.eventType[at] ?? ''
    const windowMs = part.windowStartMs[at] ?? 0
    if (least === -1 || type < leastType || (type === leastType && windowMs < leastWindowMs)) {
      least = index
      leastType = type
      leastWindowMs = windowMs
    }
  }
  return least
}

function copyRow(target: TableRows, to: number, source: TableRows, at: number): void {
  target.eventType[to] = source.eventType[at] ?? ''
  target.windowStartMs[to] = source.windowStartMs[at] ?? 0
  for (const [column, values] of target.dimensions.entries()) {
    values[to] = source.dimensions[column]?.[at] ?? null
  }
  target.kafkaPartition[to] = source.kafkaPartition[at] ?? 0
  target.firstOffset[to] = source.firstOffset[at] ?? 0
  target.lastOffset[to] = source.lastOffset[at] ?? 0
  target.count[to] = source.count[at] ?? 0
  target.lateCount[to] = source.lateCount[at] ?? 0
  target.valueCount[to] = source.valueCount[at] ?? 0
  target.valueSum[to] = source.valueSum[at] ?? 0
  target.valueSumLo[to] = source.valueSumLo[at] ?? 0
  target.valueMin[to] = source.valueMin[at] ?? 0
  target.valueMax[to] = source.valueMax[at] ?? 0
}
