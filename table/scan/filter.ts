/** Keeps the rows of a block that a query wants. */
import type { TableRows } from '../rows.ts'
import type { ScanFilter } from './plan.ts'

export type Block = Partial<TableRows> & { length: number }

/** The block itself when all its rows match; a copy of those that do; null when none does. */
export function filterBlock(block: Block, filter: ScanFilter): Block | null {
  const picked = matchingRows(block, filter)
  if (picked.length === block.length) return block
  return picked.length === 0 ? null : pickRows(block, picked)
}

function matchingRows({ length, eventType, windowStartMs }: Block, filter: ScanFilter): number[] {
  const { eventTypes, fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = filter
  const types = eventTypes && eventType ? new Set(eventTypes) : null
  const picked: number[] = []
  for (let row = 0; row < length; row++) {
    const startMs = windowStartMs?.[row]
    if (startMs !== undefined && (startMs < fromMs || startMs >= toMs)) continue
    if (types && !types.has(eventType?.[row] ?? '')) continue
    picked.push(row)
  }
  return picked
}

function pickRows(block: Block, picked: readonly number[]): Block {
  const result: Block = { length: picked.length }
  if (block.eventType) result.eventType = pickTexts(block.eventType, picked, '')
  if (block.dimensions) result.dimensions = block.dimensions.map((values) => pickTexts(values, picked, null))
  if (block.kafkaPartition) {
    const { kafkaPartition } = block
    result.kafkaPartition = Int32Array.from(picked, (row) => kafkaPartition[row] ?? 0)
  }
  for (const name of numberColumns) {
    const values = block[name]
    if (values) result[name] = Float64Array.from(picked, (row) => values[row] ?? 0)
  }
  return result
}

const numberColumns = [
  'windowStartMs',
  'firstOffset',
  'lastOffset',
  'count',
  'lateCount',
  'valueCount',
  'valueSum',
  'valueSumLo',
  'valueMin',
  'valueMax',
] as const

function pickTexts<T extends string | null>(values: readonly T[], picked: readonly number[], none: T): T[] {
  return picked.map((row) => values[row] ?? none)
}
