import type { FrameReader } from '../../../broker/wire/primitives.ts'

/**
 * Reads values out of a random stream instead of a frame: reading a layout with it gives an arbitrary value of
 * exactly that layout and version, so that no test needs a second description of the protocol.
 */
export function createRandomReader(seed: number, mayBeNull: boolean): FrameReader {
  let state = seed >>> 0
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (limit: number): number => Math.floor(next() * limit)
  const isNull = (): boolean => mayBeNull && next() < 0.2
  const letters = ['', 'a', 'topic', 'größe', '日本', 'x'.repeat(200)]
  return {
    flex: false,
    remaining: () => 1_000,
    i8: () => whole(2),
    i16: () => whole(65_536) - 32_768,
    i32: () => whole(2 ** 32) - 2 ** 31,
    i64: () => (next() < 0.2 ? -1 - whole(3) : whole(2 ** 53)),
    uvarint: () => whole(1_000),
    nullableString: () => (isNull() ? null : (letters[whole(letters.length)] ?? '')),
    nullableBytes: () => (isNull() ? null : Buffer.alloc(next() < 0.1 ? 20_000 : whole(40), whole(256))),
    arrayLength: () => (isNull() ? -1 : whole(4)),
    tags: () => {},
  }
}
