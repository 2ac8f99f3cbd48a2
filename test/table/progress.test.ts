import { describe, expect, it } from 'vitest'
import {
  isReprocessing,
  type PartitionProgress,
  progressActions,
  readProgress,
  tableWatermarkMs,
} from '../../table/index.ts'

const key = { group: 'my group', topic: 'a/b' }

describe('txns', () => {
  it('names them by group, topic and partition, each URI-encoded', () => {
    const change = { partition: 3, nextOffset: 9, epoch: 1, watermarkMs: -5, idleAtOffset: 9, rewindTo: 20 }

    const actions = progressActions(key, [change])

    expect(actions.map(({ appId, version }) => [appId, version])).toEqual([
      ['dataflow/my%20group/a%2Fb/3', 9],
      ['dataflow/my%20group/a%2Fb/3/epoch', 1],
      ['dataflow/my%20group/a%2Fb/3/watermark', -5],
      ['dataflow/my%20group/a%2Fb/3/idle', 9],
      ['dataflow/my%20group/a%2Fb/3/rewind-to', 20],
    ])
  })

  it('leaves out what does not change, and clears what is null', () => {
    const before = { partition: 0, nextOffset: 5, watermarkMs: 100, idleAtOffset: 5, rewindTo: 7 }
    const after = { partition: 0, nextOffset: 2, watermarkMs: null, idleAtOffset: null, rewindTo: null }

    expect(progressOf([before]).get(0)).toEqual({ ...before, epoch: 0 })
    expect(progressActions(key, [{ partition: 0, idleAtOffset: 4 }])).toHaveLength(1)
    expect(progressOf([before, after]).get(0)).toEqual({ ...after, epoch: 0 })
  })

  it('reads the partitions of its own group and topic only', () => {
    const txns = new Map([
      ['dataflow/my%20group/a%2Fb/0', 1],
      ['dataflow/my%20group/a%2Fb/10', 2],
      ['dataflow/my%20group/a%2Fb/2/epoch', 1],
      ['dataflow/my%20group/a%2Fb/02', 1],
      ['dataflow/other/a%2Fb/1', 1],
      ['dataflow/my%20group/a/b', 1],
      ['spark-query-1', 7],
    ])

    expect([...readProgress({ txns }, key).keys()]).toEqual([0, 10])
  })
})

describe('the watermark of the table', () => {
  const partition = (
    nextOffset: number,
    watermarkMs: number | null,
    more: Partial<PartitionProgress> = {},
  ): PartitionProgress => ({
    partition: 0,
    epoch: 0,
    idleAtOffset: null,
    rewindTo: null,
    nextOffset,
    watermarkMs,
    ...more,
  })
  const watermark = (lastWindowEndMs: number | null, ...list: PartitionProgress[]): number | null =>
    tableWatermarkMs(new Map(list.map((one, at) => [at, one])), lastWindowEndMs)

  it('is the least of its partitions', () => {
    expect(watermark(900, partition(5, 300), partition(9, 200), partition(1, -400))).toBe(-400)
  })

  it('leaves out a partition that is quiet at its next offset, but not one that moved on since', () => {
    expect(watermark(900, partition(5, 300), partition(9, 200, { idleAtOffset: 9 }))).toBe(300)
    expect(watermark(900, partition(5, 300), partition(9, 200, { idleAtOffset: 8 }))).toBe(200)
  })

  it('leaves out a partition that was seen empty', () => {
    expect(watermark(900, partition(5, 300), partition(0, null, { idleAtOffset: 0 }))).toBe(300)
  })

  it('is the end of the last window with rows when all are quiet', () => {
    expect(
      watermark(900, partition(5, 300, { idleAtOffset: 5 }), partition(0, null, { idleAtOffset: 0 })),
    ).toBe(900)
    expect(watermark(null, partition(0, null, { idleAtOffset: 0 }))).toBeNull()
  })

  it('is not known while a partition may hold events that nobody has read', () => {
    expect(watermark(900, partition(5, 300), partition(0, null))).toBeNull()
    expect(watermark(900, partition(5, 300), partition(0, null, { epoch: 1, rewindTo: 50 }))).toBeNull()
  })

  it('is not known before there is any partition', () => {
    expect(watermark(900)).toBeNull()
  })

  it('is provisional while a rewound partition is below where it was', () => {
    const one = (nextOffset: number): Map<number, PartitionProgress> =>
      new Map([[0, partition(nextOffset, 1, { rewindTo: 50 })]])

    expect(isReprocessing(one(49))).toBe(true)
    expect(isReprocessing(one(50))).toBe(false)
    expect(isReprocessing(new Map([[0, partition(1, 1)]]))).toBe(false)
  })
})

function progressOf(changes: Parameters<typeof progressActions>[1]): Map<number, PartitionProgress> {
  const txns = new Map(progressActions(key, changes).map(({ appId, version }) => [appId, version]))
  return readProgress({ txns }, key)
}
