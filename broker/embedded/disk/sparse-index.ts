import { crc32c } from '../../wire/index.ts'

/**
 * Where in a segment to start looking for an offset or a time. One entry about every 32 KB of log:
 *
 *   entry   { offset of a batch, its position, highest timestamp of all batches before it }
 *
 * The timestamp is that of the batches *before* the entry, so the last entry below a time is never too late.
 * On disk it carries the log's size and two checksums; whatever does not fit is rebuilt from the log, never trusted.
 */
export interface SparseIndex {
  /** -1 while empty, or when no record has a timestamp. */
  readonly maxTimestampMs: number
  /** Batches must come in the order of the log. */
  note(batch: { baseOffset: number; position: number; maxTimestampMs: number }): void
  /** Position of a batch at or before the one that holds the offset. */
  positionForOffset(offset: number): number
  /** Position of a batch at or before the first one with a timestamp at or after the given one. */
  positionForTime(timestampMs: number): number
  encode(log: { byteLength: number; nextOffset: number }): Buffer
}

const entrySpacingBytes = 32 * 1024
const headerBytes = 48
const entryBytes = 16
const magic = 0x44465831 // "DFX1"

export function createSparseIndex(baseOffset: number): SparseIndex {
  return indexOver({ baseOffset, offsets: [], positions: [], timestampsBefore: [], maxTimestampMs: -1 })
}

/** @returns null when the bytes are damaged or belong to another state of the log */
export function decodeSparseIndex(
  bytes: Buffer,
  log: { baseOffset: number; byteLength: number },
): { index: SparseIndex; nextOffset: number } | null {
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== magic) return null
  if (bytes.readUInt32BE(4) !== crc32c(bytes.subarray(8))) return null
  if (bytes.readDoubleBE(8) !== log.baseOffset || bytes.readDoubleBE(16) !== log.byteLength) return null
  const count = bytes.readUInt32BE(40)
  if (bytes.length !== headerBytes + count * entryBytes) return null

  const offsets: number[] = []
  const positions: number[] = []
  const timestampsBefore: number[] = []
  for (let at = headerBytes; at < bytes.length; at += entryBytes) {
    offsets.push(log.baseOffset + bytes.readUInt32BE(at))
    positions.push(bytes.readUInt32BE(at + 4))
    timestampsBefore.push(bytes.readDoubleBE(at + 8))
  }
  const maxTimestampMs = bytes.readDoubleBE(32)
  const index = indexOver({ ...log, offsets, positions, timestampsBefore, maxTimestampMs })
  return { index, nextOffset: bytes.readDoubleBE(24) }
}

interface Entries {
  baseOffset: number
  offsets: number[]
  positions: number[]
  timestampsBefore: number[]
  maxTimestampMs: number
}

function indexOver(entries: Entries): SparseIndex {
  const { baseOffset, offsets, positions, timestampsBefore } = entries
  let maxTimestampMs = entries.maxTimestampMs
  return {
    get maxTimestampMs() {
      return maxTimestampMs
    },

    note(batch) {
      const last = positions.at(-1)
      if (last === undefined || batch.position >= last + entrySpacingBytes) {
        offsets.push(batch.baseOffset)
        positions.push(batch.position)
        timestampsBefore.push(maxTimestampMs)
      }
      maxTimestampMs = Math.max(maxTimestampMs, batch.maxTimestampMs)
    },

    positionForOffset: (offset) => positions[lastBelow(offsets, offset + 1)] ?? 0,

    positionForTime: (timestampMs) => positions[lastBelow(timestampsBefore, timestampMs)] ?? 0,

    encode(log) {
      const bytes = Buffer.alloc(headerBytes + offsets.length * entryBytes)
      bytes.writeUInt32BE(magic, 0)
      bytes.writeDoubleBE(baseOffset, 8)
      bytes.writeDoubleBE(log.byteLength, 16)
      bytes.writeDoubleBE(log.nextOffset, 24)
      bytes.writeDoubleBE(maxTimestampMs, 32)
      bytes.writeUInt32BE(offsets.length, 40)
      offsets.forEach((offset, i) => {
        const at = headerBytes + i * entryBytes
        bytes.writeUInt32BE(offset - baseOffset, at)
        bytes.writeUInt32BE(positions[i] ?? 0, at + 4)
        bytes.writeDoubleBE(timestampsBefore[i] ?? -1, at + 8)
      })
      bytes.writeUInt32BE(crc32c(bytes.subarray(8)), 4)
      return bytes
    },
  }
}

/** Index of the last value below `bound` in an ascending list; -1 if none is. */
function lastBelow(values: readonly number[], bound: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[middle] ?? 0) < bound) low = middle + 1
    else high = middle
  }
  return low - 1
}
