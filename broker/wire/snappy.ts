import { compress as compressBlock } from 'snappyjs'
import { copyLiterals, copyMatch } from './lz-copy.ts'

/**
 * Snappy, raw (librdkafka) and in xerial's framing (Java): magic, two versions, then blocks with i32 lengths.
 * Decoding is our own because it runs on bytes from the network: snappyjs 0.7.0 can be made to loop for ever by a
 * literal whose 32-bit length turns negative, and it does not notice output that is too short.
 */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const xerialHeaderBytes = 16

/** @throws {RangeError} on malformed input, or output of more than `maxBytes` */
export function decodeSnappy(input: Buffer, maxBytes: number): Buffer {
  if (!input.subarray(0, xerialMagic.length).equals(xerialMagic)) return decodeBlock(input, maxBytes)
  const blocks: Buffer[] = []
  let outputBytes = 0
  for (let at = xerialHeaderBytes; at < input.length; ) {
    const blockBytes = input.readInt32BE(at)
    at += 4
    if (blockBytes < 1 || blockBytes > input.length - at) throw new RangeError('xerial block length is off')
    const block = decodeBlock(input.subarray(at, at + blockBytes), maxBytes - outputBytes)
    outputBytes += block.length
    blocks.push(block)
    at += blockBytes
  }
  return blocks.length === 1 && blocks[0] ? blocks[0] : Buffer.concat(blocks, outputBytes)
}

/** Raw: librdkafka writes the same, and Java's reader falls back to it when xerial's magic is missing. */
export function encodeSnappy(input: Buffer): Buffer {
  return Buffer.from(compressBlock(input))
}

function decodeBlock(input: Buffer, maxBytes: number): Buffer {
  let at = 0
  let size = 0
  for (let shift = 0; ; shift += 7) {
    if (shift > 28) throw new RangeError('snappy length is off')
    const byte = input.readUInt8(at++)
    size += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  if (size > maxBytes) throw new RangeError(`snappy output of ${size} bytes is over the limit`)
  const output = Buffer.allocUnsafe(size)
  let written = 0
  while (at < input.length) {
    const tag = input.readUInt8(at++)
    const kind = tag & 0x03
    if (kind === 0) {
      let length = (tag >>> 2) + 1
      if (length > 60) {
        const lengthBytes = length - 60
        length = input.readUIntLE(at, lengthBytes) + 1
        at += lengthBytes
      }
      copyLiterals(input, at, length, output, written)
      at += length
      written += length
      continue
    }
    const length = kind === 1 ? ((tag >>> 2) & 0x07) + 4 : (tag >>> 2) + 1
    const distanceBytes = kind === 3 ? 4 : kind
    const high = kind === 1 ? (tag >>> 5) * 256 : 0
    copyMatch(output, written, input.readUIntLE(at, distanceBytes) + high, length)
    at += distanceBytes
    written += length
  }
  if (written !== size) throw new RangeError('snappy output is shorter than it says')
  return output
}
