import fc from 'fast-check'
import { expect, it } from 'vitest'
import { windowStartMs } from '../../windows/index.ts'

const minute = 60_000

// window  [-1 min .. 0)[0 .. 1 min)[1 min .. 2 min)
it.each([
  [0, 0],
  [59_999, 0],
  [60_000, 60_000],
  [-1, -60_000],
  [-60_000, -60_000],
  [-60_001, -120_000],
  [253_402_300_799_999, 253_402_300_740_000],
])('puts %d into the window that starts at %d', (timestampMs, start) => {
  expect(windowStartMs(timestampMs, minute)).toBe(start)
})

it('gives a start at or before the event, less than one window away, and a multiple of the size', () => {
  const anyMs = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 })
  const anySize = fc.integer({ min: 1, max: 366 * 24 * 60 * minute })

  fc.assert(
    fc.property(anyMs, anySize, (timestampMs, sizeMs) => {
      const start = windowStartMs(timestampMs, sizeMs)

      expect(start).toBeLessThanOrEqual(timestampMs)
      expect(timestampMs - start).toBeLessThan(sizeMs)
      expect(BigInt(start) % BigInt(sizeMs)).toBe(0n)
    }),
  )
})

it('starts at multiples even one millisecond before a window of any size', () => {
  const anySize = fc.integer({ min: 2, max: 100_000_000 })

  fc.assert(
    fc.property(anySize, fc.integer({ min: 1, max: 2_000_000 }), (sizeMs, index) => {
      expect(windowStartMs(index * sizeMs - 1, sizeMs)).toBe((index - 1) * sizeMs)
      expect(windowStartMs(index * sizeMs, sizeMs)).toBe(index * sizeMs)
    }),
  )
})
