import { expect, it } from 'vitest'
import { selectBatches } from '../../../../broker/embedded/disk/batch-run.ts'
import { setBaseOffset } from '../../../../broker/wire/index.ts'
import { batchOf } from './logs.ts'

// offsets 0 1 | 2 3 | 4 5
const batches = [0, 2, 4].map((offset) => {
  const batch = batchOf(['aa', 'bb'])
  setBaseOffset(batch, offset)
  return batch
})
const size = batches[0]?.length ?? 0
const file = Buffer.concat(batches)
const wanted = { fromOffset: 0, limitOffset: 6, maxBytes: 10_000 }

it('gives the whole batches from the one that holds the offset, below the limit', () => {
  expect(selectBatches(file, wanted)).toEqual({ kind: 'found', start: 0, end: 3 * size, nextOffset: 6 })
  expect(selectBatches(file, { ...wanted, fromOffset: 3 })).toMatchObject({ start: size, end: 3 * size })
  expect(selectBatches(file, { ...wanted, limitOffset: 4 })).toMatchObject({ end: 2 * size, nextOffset: 4 })
  expect(selectBatches(file, { ...wanted, fromOffset: 4, limitOffset: 4 })).toEqual({ kind: 'end' })
})

it('asks for more when the first wanted batch is cut, and leaves out a later one that is', () => {
  expect(selectBatches(file.subarray(0, 2 * size - 1), { ...wanted, fromOffset: 2 })).toEqual({
    kind: 'grow',
    start: size,
    byteLength: size,
  })
  expect(selectBatches(file.subarray(0, 2 * size - 1), wanted)).toMatchObject({ kind: 'found', end: size })
})

it('says how far to skip when all is before the offset, and nowhere from what is no batch', () => {
  expect(selectBatches(file.subarray(0, 2 * size), { ...wanted, fromOffset: 4 })).toEqual({
    kind: 'skip',
    byteLength: 2 * size,
  })
  expect(selectBatches(Buffer.alloc(200), { ...wanted, limitOffset: 9 })).toEqual({
    kind: 'skip',
    byteLength: 0,
  })
})
