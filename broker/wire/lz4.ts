import { copyLiterals, copyMatch } from './lz-copy.ts'

/**
 * LZ4 frames, reading only. Our own because it runs on bytes from the network: lz4js 0.2.0 checks no bounds and
 * misplaces block checksums. Checksums are skipped: the batch has its CRC.
 *
 *   magic u32le | FLG u8 | BD u8 | contentSize u64le? | dictId u32le? | HC u8 | blocks: size u32le, data, sum u32? | 0
 */
const magic = 0x184d2204
const blockSumFlag = 0x10
const contentSizeFlag = 0x08
const dictionaryFlag = 0x01
const uncompressedFlag = 0x8000_0000

/** @throws {RangeError} on malformed input, or output of more than `maxBytes` */
export function decodeLz4(input: Buffer, maxBytes: number): Buffer {
  if (input.readUInt32LE(0) !== magic) throw new RangeError('not an lz4 frame')
  const flags = input.readUInt8(4)
  const blockSizeId = (input.readUInt8(5) >>> 4) & 0x07
  if (flags >>> 6 !== 1) throw new RangeError('unknown lz4 frame version')
  if (blockSizeId < 4) throw new RangeError('unknown lz4 block size')
  if (flags & dictionaryFlag) throw new RangeError('lz4 frame needs a dictionary')
  const maxBlockBytes = 2 ** (8 + 2 * blockSizeId)
  let at = 7 + (flags & contentSizeFlag ? 8 : 0)
  let output = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(4 * input.length, 1_024)))
  let written = 0
  for (;;) {
    const word = input.readUInt32LE(at)
    at += 4
    if (word === 0) return output.subarray(0, written)
    const blockBytes = word % uncompressedFlag
    if (blockBytes > input.length - at) throw new RangeError('lz4 block past the end of the input')
    const wanted = Math.min(written + maxBlockBytes, maxBytes)
    if (output.length < wanted) {
      const larger = Buffer.allocUnsafe(Math.min(maxBytes, Math.max(wanted, 2 * output.length)))
      output.copy(larger, 0, 0, written)
      output = larger
    }
    const block = input.subarray(at, at + blockBytes)
    if (word >= uncompressedFlag) {
      copyLiterals(block, 0, blockBytes, output, written)
      written += blockBytes
    } else {
      written = decodeBlock(block, output, written)
    }
    at += blockBytes + (flags & blockSumFlag ? 4 : 0)
  }
}

/** Blocks may refer back into earlier ones, so all share one output. Returns the new end of the output. */
function decodeBlock(input: Buffer, output: Buffer, start: number): number {
  let at = 0
  let written = start
  const extended = (nibble: number): number => {
    if (nibble < 15) return nibble
    for (let length = nibble; ; ) {
      const byte = input.readUInt8(at++)
      length += byte
      if (byte < 255) return length
    }
  }
  while (at < input.length) {
    const token = input.readUInt8(at++)
    const literals = extended(token >>> 4)
    copyLiterals(input, at, literals, output, written)
    at += literals
    written += literals
    if (at === input.length) break // the last sequence has no match
    const distance = input.readUInt16LE(at)
    at += 2
    const length = extended(token & 0x0f) + 4
    copyMatch(output, written, distance, length)
    written += length
  }
  return written
}
