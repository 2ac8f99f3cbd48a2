import type { SealedPartition } from '../../../processors/flush.ts'
import type { PartitionProgress } from '../../../table/progress.ts'
import { rowsOf } from '../../../table/rows.ts'

/** In these tests one record in five, by its offset, is bad and goes to dead letters. */
export const isBad = (offset: number): boolean => offset % 5 === 3

/** What a member gathers that reads `[from.nextOffset, hi)`: one row over the good offsets, a letter for each bad one. */
export function sealedTo(
  { partition, epoch, nextOffset: lo, watermarkMs }: PartitionProgress,
  hi: number,
): SealedPartition {
  const offsets = Array.from({ length: hi - lo }, (_, at) => lo + at)
  const good = offsets.filter((offset) => !isBad(offset))
  const row = {
    eventType: 'click',
    windowStartMs: 0,
    dimensions: [],
    kafkaPartition: partition,
    firstOffset: good[0] ?? 0,
    lastOffset: good.at(-1) ?? 0,
    count: good.length,
    lateCount: 0,
    valueCount: 0,
    valueSum: 0,
    valueSumLo: 0,
    valueMin: null,
    valueMax: null,
  }
  return {
    partition,
    epoch,
    lo,
    hi,
    rows: rowsOf(good.length > 0 ? [row] : [], 0),
    watermarkAtLoMs: watermarkMs,
    watermarkAtHiMs: hi * 1_000,
    deadLetters: offsets.filter(isBad).map((offset) => ({
      origin: `events/${partition}/${offset}`,
      value: null,
      reason: 'not_json',
      message: '',
      stage: 'process',
      timeMs: 0,
    })),
  }
}
