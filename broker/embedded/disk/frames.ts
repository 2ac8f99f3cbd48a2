import { crc32c } from '../../wire/index.ts'

/**
 * Records in a file that may be cut anywhere by a crash:
 *
 *   length:u32  crc32c:u32  payload
 *
 * The checksum covers the payload, which is never empty: so a zero-filled tail is no frame.
 */
const prefixBytes = 8

export function encodeFrame(payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + payload.length)
  frame.writeUInt32BE(payload.length, 0)
  frame.writeUInt32BE(crc32c(payload), 4)
  payload.copy(frame, prefixBytes)
  return frame
}

/** @returns the payloads up to the first frame that is cut or damaged, and where that begins */
export function decodeFrames(bytes: Buffer): { payloads: Buffer[]; validBytes: number } {
  const payloads: Buffer[] = []
  let at = 0
  while (at + prefixBytes <= bytes.length) {
    const length = bytes.readUInt32BE(at)
    const end = at + prefixBytes + length
    if (length === 0 || end > bytes.length) break
    const payload = bytes.subarray(at + prefixBytes, end)
    if (crc32c(payload) !== bytes.readUInt32BE(at + 4)) break
    payloads.push(payload)
    at = end
  }
  return { payloads, validBytes: at }
}
