import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createLatenessTracker } from '../../windows/index.ts'

// event time   100    160    99   100   101          allowance 60
// watermark     -      40    100   100  100   100
it('calls an event late when it lies before the greatest time so far less the allowance', () => {
  const tracker = createLatenessTracker(60, null)

  expect([100, 160, 99, 100, 101].map(tracker.observe)).toEqual([false, false, true, false, false])
  expect(tracker.watermarkMs).toBe(100)
})

it('has no watermark before the first event', () => {
  expect(createLatenessTracker(60, null).watermarkMs).toBeNull()
})

it('calls every step back late when nothing is allowed, but not an equal time', () => {
  const tracker = createLatenessTracker(0, null)

  expect([5, 5, 4, 6, 5].map(tracker.observe)).toEqual([false, false, true, false, true])
})

it('judges alike when cut anywhere and resumed from its watermark', () => {
  const times = fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1 })

  fc.assert(
    fc.property(times, fc.nat(500), fc.nat(), (timestamps, allowedMs, cutAt) => {
      const cut = cutAt % timestamps.length
      const whole = createLatenessTracker(allowedMs, null)
      const first = createLatenessTracker(allowedMs, null)
      const before = timestamps.slice(0, cut).map(first.observe)
      const second = createLatenessTracker(allowedMs, first.watermarkMs)

      const after = timestamps.slice(cut).map(second.observe)

      expect([...before, ...after]).toEqual(timestamps.map(whole.observe))
      expect(second.watermarkMs).toBe(whole.watermarkMs)
    }),
  )
})
