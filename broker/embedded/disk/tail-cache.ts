import type { Wanted } from './batch-run.ts'

/** The newest batches of a partition, so that consumers at the end of the log never touch the disk. */
export interface TailCache {
  /** Batches must follow one another. */
  push(batch: CachedBatch): void
  /** @returns null when the offset is not held */
  read(wanted: Wanted): Buffer | null
  /** Bytes between the batch that holds the offset and the limit; null when the offset is not held. */
  byteLength(fromOffset: number, limitOffset: number): number | null
}

export interface CachedBatch {
  bytes: Buffer
  baseOffset: number
  nextOffset: number
}

interface Held extends CachedBatch {
  /** Bytes ever pushed before this one. */
  startByte: number
}

const pinFactor = 4

export function createTailCache(maxBytes: number): TailCache {
  // A queue with a moving head: shift() over thousands of small batches would move the whole array each time.
  let held: (Held | undefined)[] = []
  let head = 0
  let pushedBytes = 0

  /** Index of the first batch that ends after the offset. */
  function firstEndingAfter(offset: number): number {
    let low = head
    let high = held.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((held[middle]?.nextOffset ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  function indexOf(offset: number): number | null {
    const first = held[head]
    if (!first || offset < first.baseOffset) return null
    const index = firstEndingAfter(offset)
    return index < held.length ? index : null
  }

  return {
    push(batch) {
      // A small batch out of a large request would keep the whole request in memory.
      const pinsTooMuch = batch.bytes.buffer.byteLength > pinFactor * batch.bytes.length
      held.push({
        ...batch,
        bytes: pinsTooMuch ? Buffer.from(batch.bytes) : batch.bytes,
        startByte: pushedBytes,
      })
      pushedBytes += batch.bytes.length
      while (pushedBytes - (held[head]?.startByte ?? pushedBytes) > maxBytes) held[head++] = undefined
      if (head > 64 && head * 2 > held.length) {
        held = held.slice(head)
        head = 0
      }
    },

    read({ fromOffset, limitOffset, maxBytes: wantedBytes }) {
      const first = indexOf(fromOffset)
      if (first === null) return null
      const parts: Buffer[] = []
      let bytes = 0
      for (let i = first; i < held.length; i++) {
        const one = held[i]
        if (!one || one.baseOffset >= limitOffset) break
        if (parts.length > 0 && bytes + one.bytes.length > wantedBytes) break
        parts.push(one.bytes)
        bytes += one.bytes.length
      }
      const [only] = parts
      return parts.length === 1 && only ? only : Buffer.concat(parts, bytes)
    },

    byteLength(fromOffset, limitOffset) {
      const first = indexOf(fromOffset)
      if (first === null) return null
      const end = held[firstEndingAfter(limitOffset - 1)]
      // The limit is a batch boundary, except inside an open transaction's batch, which is then left out.
      const endByte = end === undefined ? pushedBytes : endOf(end, limitOffset)
      return Math.max(0, endByte - (held[first]?.startByte ?? endByte))
    },
  }
}

function endOf(batch: Held, limitOffset: number): number {
  return batch.baseOffset < limitOffset ? batch.startByte + batch.bytes.length : batch.startByte
}
