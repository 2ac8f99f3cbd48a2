/** A flush's rows to files, one per combination of partition values, each with what the log says about it. Pure. */
import type { PartitionColumn, TableBinding } from '../binding.ts'
import type { TableRows } from '../rows.ts'
import { type Column, tableColumns } from './columns.ts'
import type { ColumnData, EncodeJob } from './encode-job.ts'
import { dayMs, type PartitionTags, statsOf, tagsOf, wellFormed } from './stats.ts'

export interface FilePlan {
  /** In the order of the table's partition columns; '' stands for null. */
  partitionValues: (readonly [column: PartitionColumn, value: string])[]
  /** Indexes of its rows, in their order. */
  picked: Int32Array
  stats: string
  tags: Record<string, string>
}

export function splitRows(rows: TableRows, tags: PartitionTags, binding: TableBinding): FilePlan[] {
  return [...groupRows(rows, binding.partitionBy).values()].map(({ values, picked }) => {
    const indexes = Int32Array.from(picked)
    return {
      partitionValues: values,
      picked: indexes,
      stats: statsOf(rows, indexes, binding),
      tags: tagsOf(rows, indexes, tags),
    }
  })
}

/** The picked rows as columns of their own, so that a job can be given away while the rows stay. */
export function encodeJobOf(rows: TableRows, picked: Int32Array, binding: TableBinding): EncodeJob {
  const stored = tableColumns(binding.dimensions).filter(
    ({ name }) => !binding.partitionBy.some((column) => column === name),
  )
  const columns = stored.map((column) => columnData(column, rows, picked, binding))
  return { length: picked.length, columns }
}

interface RowGroup {
  values: FilePlan['partitionValues']
  picked: number[]
}

function groupRows(rows: TableRows, partitionBy: readonly PartitionColumn[]): Map<string, RowGroup> {
  const byType = partitionBy.includes('event_type')
  const byDate = partitionBy.includes('date')
  const groups = new Map<string, RowGroup>()
  let group: RowGroup | undefined
  let lastType: string | undefined
  let lastDay: number | undefined
  for (let row = 0; row < rows.length; row++) {
    const type = byType ? (rows.eventType[row] ?? '') : ''
    const day = byDate ? dayOf(rows.windowStartMs[row] ?? 0) : 0
    if (!group || type !== lastType || day !== lastDay) {
      const key = `${day}/${type}`
      group = groups.get(key) ?? {
        values: valuesOf(partitionBy, type, day),
        picked: [],
      }
      groups.set(key, group)
      lastType = type
      lastDay = day
    }
    group.picked.push(row)
  }
  return groups
}

function valuesOf(
  partitionBy: readonly PartitionColumn[],
  type: string,
  day: number,
): FilePlan['partitionValues'] {
  return partitionBy.map((column) => [column, column === 'event_type' ? wellFormed(type) : dateText(day)])
}

function columnData(
  { name, type }: Column,
  rows: TableRows,
  picked: Int32Array,
  binding: TableBinding,
): ColumnData {
  const numbers = (column: Float64Array): Float64Array => {
    const values = new Float64Array(picked.length)
    for (let at = 0; at < picked.length; at++) values[at] = column[picked[at] ?? 0] ?? 0
    return values
  }
  const withNulls = (column: Float64Array): ColumnData => {
    const valid = validWhere(rows.valueCount, picked)
    return { kind: 'double', name, values: numbers(column), ...(valid ? { valid } : {}) }
  }
  switch (name) {
    case 'event_type':
      return dictionaryOf(name, rows.eventType, picked)
    case 'date':
      return {
        kind: 'date',
        name,
        days: Int32Array.from(picked, (row) => dayOf(rows.windowStartMs[row] ?? 0)),
      }
    case 'window_start':
      return { kind: 'timestamp', name, valuesMs: numbers(rows.windowStartMs) }
    case 'kafka_partition':
      return {
        kind: 'integer',
        name,
        values: Int32Array.from(picked, (row) => rows.kafkaPartition[row] ?? 0),
      }
    case 'first_offset':
      return { kind: 'long', name, values: numbers(rows.firstOffset) }
    case 'last_offset':
      return { kind: 'long', name, values: numbers(rows.lastOffset) }
    case 'count':
      return { kind: 'long', name, values: numbers(rows.count) }
    case 'late_count':
      return { kind: 'long', name, values: numbers(rows.lateCount) }
    case 'value_count':
      return { kind: 'long', name, values: numbers(rows.valueCount) }
    case 'value_sum':
      return { kind: 'double', name, values: numbers(rows.valueSum) }
    case 'value_sum_lo':
      return { kind: 'double', name, values: numbers(rows.valueSumLo) }
    case 'value_min':
      return withNulls(rows.valueMin)
    case 'value_max':
      return withNulls(rows.valueMax)
    default: {
      if (type === 'binary') return { kind: 'binary', name }
      const values = rows.dimensions[binding.dimensions.indexOf(name)]
      if (!values) throw new Error(`the rows lack the dimension ${name}`)
      return dictionaryOf(name, values, picked)
    }
  }
}

function dictionaryOf(name: string, values: readonly (string | null)[], picked: Int32Array): ColumnData {
  const codeOf = new Map<string, number>()
  const codes = new Int32Array(picked.length)
  let lastValue: string | null = null
  let lastCode = -1
  for (let at = 0; at < picked.length; at++) {
    const value = values[picked[at] ?? 0] ?? null
    if (value !== lastValue) {
      lastValue = value
      lastCode = value === null ? -1 : (codeOf.get(value) ?? codeOf.size)
      if (value !== null) codeOf.set(value, lastCode)
    }
    codes[at] = lastCode
  }
  return { kind: 'string', name, dictionary: [...codeOf.keys()], codes }
}

/** Bits of the rows that have a value; undefined when all have. */
function validWhere(valueCount: Float64Array, picked: Int32Array): Uint8Array | undefined {
  const valid = new Uint8Array((picked.length + 7) >> 3)
  let missing = 0
  for (let at = 0; at < picked.length; at++) {
    if ((valueCount[picked[at] ?? 0] ?? 0) > 0) valid[at >> 3] = (valid[at >> 3] ?? 0) | (1 << (at & 7))
    else missing++
  }
  return missing > 0 ? valid : undefined
}

function dayOf(ms: number): number {
  return Math.floor(ms / dayMs)
}

/** `2024-05-01`, also before 1970. */
export function dateText(day: number): string {
  return new Date(day * dayMs).toISOString().split('T')[0] ?? ''
}
