import { batchBytesOf, crcMatches, headerBytes, lengthPrefixBytes, magicOf } from '../../wire/index.ts'
import { type LoggedBatch, readLoggedBatch } from './logged-batch.ts'

/**
 * Decides how much of a log file can be believed. Fed with consecutive chunks, it walks batch by batch and stops at
 * the first that is torn, damaged, zero-filled or out of order. Pure.
 */
export interface RecoveryScan {
  /**
   * @param bytes the file from `validBytes` on, as much as is in memory
   * @param remainingBytes the file from `validBytes` to its end
   * @returns what to do next: give at least `needBytes` from the new `validBytes` on, or stop
   */
  feed(bytes: Buffer, remainingBytes: number): { kind: 'more'; needBytes: number } | { kind: 'stop' }
  /** Everything up to here is sound. */
  readonly validBytes: number
  readonly nextOffset: number
  /** Why the scan stopped before the end of the file; null if it did not. */
  readonly damage: Damage | null
}

export type Damage = 'torn' | 'bad_length' | 'bad_magic' | 'bad_offset' | 'bad_crc'

export interface ScanOptions {
  baseOffset: number
  /** False: believe the contents of batches whose headers are sane, in segments made durable when they were full. */
  checkSums: boolean
  onBatch(batch: LoggedBatch, position: number): void
}

export function createRecoveryScan({ baseOffset, checkSums, onBatch }: ScanOptions): RecoveryScan {
  let validBytes = 0
  let nextOffset = baseOffset
  let damage: Damage | null = null

  function damageIn(bytes: Buffer, at: number, batch: LoggedBatch): Damage | null {
    if (magicOf(bytes, at) !== 2) return 'bad_magic'
    if (batch.baseOffset !== nextOffset || batch.lastOffsetDelta < 0) return 'bad_offset'
    return checkSums && !crcMatches(bytes, at, batch.byteLength) ? 'bad_crc' : null
  }

  return {
    feed(bytes, remainingBytes) {
      let at = 0
      const stop = (found: Damage): { kind: 'stop' } => {
        damage = found
        return { kind: 'stop' }
      }
      for (;;) {
        const remaining = remainingBytes - at
        if (remaining === 0) return { kind: 'stop' }
        if (remaining < headerBytes) return stop('torn')
        if (bytes.length - at < lengthPrefixBytes) return { kind: 'more', needBytes: headerBytes }
        const byteLength = batchBytesOf(bytes, at)
        // A zero-filled tail, as a power loss leaves it, ends here: its length field says 12.
        if (byteLength < headerBytes) return stop('bad_length')
        if (byteLength > remaining) return stop('torn')
        if (bytes.length - at < byteLength) return { kind: 'more', needBytes: byteLength }
        const batch = readLoggedBatch(bytes, at)
        const found = damageIn(bytes, at, batch)
        if (found) return stop(found)
        onBatch(batch, validBytes)
        nextOffset += batch.lastOffsetDelta + 1
        validBytes += byteLength
        at += byteLength
      }
    },
    get validBytes() {
      return validBytes
    },
    get nextOffset() {
      return nextOffset
    },
    get damage() {
      return damage
    },
  }
}
