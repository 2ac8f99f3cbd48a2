import { baseOffsetOf, batchBytesOf, headerBytes } from '../../wire/index.ts'
import { nextOffsetOf } from './logged-batch.ts'

/**
 * What a stretch of a log, beginning at a batch, holds for a reader. Pure.
 * - `found`: the wanted batches are `[start, end)`; the next one begins at `nextOffset`
 * - `grow`: the first wanted batch begins at `start` and needs `byteLength` bytes from there
 * - `skip`: all whole batches, `byteLength` bytes of them, lie before the wanted offset
 * - `end`: nothing wanted lies below the limit
 */
export type BatchRun =
  | { kind: 'found'; start: number; end: number; nextOffset: number }
  | { kind: 'grow'; start: number; byteLength: number }
  | { kind: 'skip'; byteLength: number }
  | { kind: 'end' }

export interface Wanted {
  fromOffset: number
  /** Batches that begin here or later are not shown. */
  limitOffset: number
  /** The first batch is whole whatever this says. */
  maxBytes: number
}

export function selectBatches(bytes: Buffer, wanted: Wanted): BatchRun {
  let at = 0
  while (at + headerBytes <= bytes.length) {
    if (baseOffsetOf(bytes, at) >= wanted.limitOffset) return { kind: 'end' }
    const byteLength = batchBytesOf(bytes, at)
    // Not a batch: nothing can be skipped from here on, which the caller takes for damage.
    if (byteLength < headerBytes) return { kind: 'skip', byteLength: at }
    if (nextOffsetOf(bytes, at) > wanted.fromOffset) {
      if (at + byteLength > bytes.length) return { kind: 'grow', start: at, byteLength }
      return extend(bytes, at, wanted)
    }
    if (at + byteLength > bytes.length) return { kind: 'skip', byteLength: at + byteLength }
    at += byteLength
  }
  return { kind: 'skip', byteLength: at }
}

function extend(bytes: Buffer, start: number, wanted: Wanted): BatchRun {
  let end = start + batchBytesOf(bytes, start)
  let nextOffset = nextOffsetOf(bytes, start)
  while (end + headerBytes <= bytes.length) {
    const nextEnd = end + batchBytesOf(bytes, end)
    if (nextEnd < end + headerBytes || nextEnd > bytes.length || nextEnd - start > wanted.maxBytes) break
    if (baseOffsetOf(bytes, end) >= wanted.limitOffset) break
    nextOffset = nextOffsetOf(bytes, end)
    end = nextEnd
  }
  return { kind: 'found', start, end, nextOffset }
}
