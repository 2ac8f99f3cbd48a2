import { crc32c as native } from '@node-rs/crc32'

/** CRC-32C (Castagnoli) of the bytes, as an unsigned number. */
export function crc32c(bytes: Uint8Array): number {
  return native(bytes) >>> 0
}
