import type { Projection } from '../events/index.ts'
import type { TableRows } from '../table/index.ts'
import { field, fieldsPerGroup, type GroupTable } from './aggregate-groups.ts'

export interface RowOptions {
  dimensionCount: number
  kafkaPartition: number
}

/** The groups as the table's rows, sorted by (eventType, windowStartMs). `names` may be null where there are no groups. */
export function rowsOfGroups(groups: GroupTable, names: Projection | null, options: RowOptions): TableRows {
  const { dimensionCount, kafkaPartition } = options
  const length = groups.count
  const keysPerGroup = 1 + dimensionCount
  const typeOf = (group: number): number => groups.keys[group * keysPerGroup] ?? 0
  const order = names ? sortedGroups(groups, typeOf, names) : []
  const pick = (which: number): Float64Array =>
    Float64Array.from(order, (group) => groups.numbers[group * fieldsPerGroup + which] ?? 0)
  return {
    length,
    eventType: order.map((group) => names?.typeName(typeOf(group)) ?? ''),
    windowStartMs: pick(field.windowStartMs),
    dimensions: Array.from({ length: dimensionCount }, (_, column) =>
      order.map(
        (group) => names?.dimensionValue(column, groups.keys[group * keysPerGroup + 1 + column] ?? 0) ?? null,
      ),
    ),
    kafkaPartition: new Int32Array(length).fill(kafkaPartition),
    firstOffset: pick(field.firstOffset),
    lastOffset: pick(field.lastOffset),
    count: pick(field.count),
    lateCount: pick(field.lateCount),
    valueCount: pick(field.valueCount),
    valueSum: pick(field.valueSum),
    valueSumLo: pick(field.valueSumLo),
    valueMin: pick(field.valueMin),
    valueMax: pick(field.valueMax),
  }
}

/** Groups of equal type and window stay in the order in which they came up. */
function sortedGroups(groups: GroupTable, typeOf: (group: number) => number, names: Projection): number[] {
  const order = Array.from({ length: groups.count }, (_, group) => group)
  const typeIds = [...new Set(order.map(typeOf))]
  const byName = typeIds.sort((a, b) => (names.typeName(a) < names.typeName(b) ? -1 : 1))
  // Ranks spare the sort from comparing texts: there may be 200,000 groups.
  const rank = new Map(byName.map((typeId, at) => [typeId, at]))
  const ranks = Int32Array.from(order, (group) => rank.get(typeOf(group)) ?? 0)
  const startMs = Float64Array.from(order, (group) => groups.numbers[group * fieldsPerGroup] ?? 0)
  return order.sort(
    (a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0) || (startMs[a] ?? 0) - (startMs[b] ?? 0) || a - b,
  )
}
