/**
 * What was gathered of one Kafka partition since the last flush: a partial aggregate per (event type, window,
 * dimension values), with the offsets of its first and last event. Adding makes no objects; late events count like all
 * others and are counted as late besides, so nothing is ever left out. Memory grows with the groups, not with the
 * events: whoever adds watches `groupCount` and flushes in time.
 */
import { otherDimension, type Projection } from '../events/index.ts'
import { twoSumError } from '../measures/index.ts'
import type { TableRows } from '../table/index.ts'
import { createLatenessTracker, windowStartMs } from '../windows/index.ts'
import { createGroupTable, field, fieldsPerGroup } from './aggregate-groups.ts'
import { rowsOfGroups } from './aggregate-rows.ts'

export interface Aggregate {
  /** Counts in what the projection has just read. Offsets rise from call to call. */
  add(projection: Projection, offset: number): void
  readonly groupCount: number
  /** Values since the last `clear` that went to `__other__`, because they were too long or too many. */
  readonly otherCount: number
  /** Of the last event added; -1 before the first. */
  readonly lastOffset: number
  /** Greatest event time so far less the allowed lateness. Survives `clear`. */
  readonly watermarkMs: number | null
  /**
   * The groups as rows sorted by (eventType, windowStartMs), types in the order of JavaScript's `<`. The names come from
   * the projection, so call it before the projection is reset.
   */
  toRows(kafkaPartition: number): TableRows
  /** Forgets the groups. */
  clear(): void
}

export interface AggregateOptions {
  windowMs: number
  allowedLatenessMs: number
  /** The partition's watermark at its last flush; null if it has none. */
  resumeWatermarkMs: number | null
  dimensionCount: number
}

export function createAggregate(options: AggregateOptions): Aggregate {
  const { windowMs, dimensionCount } = options
  const lateness = createLatenessTracker(options.allowedLatenessMs, options.resumeWatermarkMs)
  const groups = createGroupTable(dimensionCount)
  // Events come in runs of one window: its start is worked out once.
  const window = Float64Array.of(Number.NaN)
  let names: Projection | null = null
  let otherCount = 0
  let lastOffset = -1

  return {
    add(projection, offset) {
      const { typeId, timestampMs, dimensionIds } = projection
      let startMs = window[0] ?? Number.NaN
      if (!(timestampMs >= startMs && timestampMs < startMs + windowMs)) {
        startMs = windowStartMs(timestampMs, windowMs)
        window[0] = startMs
      }
      for (let column = 0; column < dimensionCount; column++) {
        if (dimensionIds[column] === otherDimension) otherCount++
      }
      const known = groups.count
      const at = groups.indexOf(typeId, startMs, dimensionIds) * fieldsPerGroup
      const numbers = groups.numbers
      if (groups.count > known) {
        names = projection
        numbers[at + field.firstOffset] = offset
      }
      numbers[at + field.lastOffset] = offset
      numbers[at + field.count] = (numbers[at + field.count] ?? 0) + 1
      if (lateness.observe(timestampMs)) {
        numbers[at + field.lateCount] = (numbers[at + field.lateCount] ?? 0) + 1
      }
      if (projection.hasValue) addValue(numbers, at, projection.value)
      lastOffset = offset
    },

    get groupCount() {
      return groups.count
    },
    get otherCount() {
      return otherCount
    },
    get lastOffset() {
      return lastOffset
    },
    get watermarkMs() {
      return lateness.watermarkMs
    },

    toRows(kafkaPartition) {
      return rowsOfGroups(groups, names, { dimensionCount, kafkaPartition })
    },

    clear() {
      groups.clear()
      names = null
      otherCount = 0
    },
  }
}

/** As measures' addValue, on numbers in a row. */
function addValue(numbers: Float64Array, at: number, value: number): void {
  const before = numbers[at + field.valueSum] ?? 0
  const sum = before + value
  numbers[at + field.valueSum] = sum
  numbers[at + field.valueSumLo] = (numbers[at + field.valueSumLo] ?? 0) + twoSumError(before, value, sum)
  numbers[at + field.valueCount] = (numbers[at + field.valueCount] ?? 0) + 1
  if (value < (numbers[at + field.valueMin] ?? 0)) numbers[at + field.valueMin] = value
  if (value > (numbers[at + field.valueMax] ?? 0)) numbers[at + field.valueMax] = value
}
