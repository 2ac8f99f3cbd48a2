import { expect, it } from 'vitest'
import { createKeyCounter } from '../../broker/distinct-keys.ts'

function addAll(counter: ReturnType<typeof createKeyCounter>, count: number): void {
  for (let index = 0; index < count; index++) counter.add(Buffer.from(`events/a.ndjson#${index}`))
}

it('counts each key once, exactly, up to its limit', () => {
  const counter = createKeyCounter(1_000)

  addAll(counter, 1_000)
  addAll(counter, 1_000)

  expect(counter.count()).toBe(1_000)
})

it('stays close above its limit', () => {
  const counter = createKeyCounter(4_096)

  addAll(counter, 100_000)
  addAll(counter, 100_000)

  // 1 / sqrt(4096) is 1.6 %; three times that.
  expect(Math.abs(counter.count() - 100_000)).toBeLessThan(4_700)
})
