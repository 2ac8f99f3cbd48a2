import { expect, it } from 'vitest'
import { createProgressBar, progressLine } from '../../producers/progress-bar.ts'
import { createManualClock } from '../../runtime/clock.ts'

it('shows share, bytes, lines, rate and time left', () => {
  const facts = { doneBytes: 25_000_000, expectedBytes: 100_000_000, lines: 130_000, elapsedMs: 2_000 }

  expect(progressLine(facts, 100)).toBe(
    '[========                      ]  25%  25.0/100.0 MB  130,000 lines  65,000/s  6s left',
  )
})

it('never takes more than the width of the terminal', () => {
  const facts = { doneBytes: 25_000_000, expectedBytes: 100_000_000, lines: 130_000, elapsedMs: 2_000 }

  for (const columns of [20, 40, 60, 80, 200])
    expect(progressLine(facts, columns).length).toBeLessThan(columns)
})

it('tells long times in hours and minutes', () => {
  const facts = { doneBytes: 1, expectedBytes: 10_001, lines: 1, elapsedMs: 1_000 }

  expect(progressLine(facts, 200)).toContain('2h 46m left')
})

it('draws at most ten times a second, and cleans up after itself', () => {
  const clock = createManualClock()
  const written: string[] = []
  const terminal = { isTTY: true, columns: 80, write: (text: string) => written.push(text) }
  const bar = createProgressBar({ terminal, clock })

  bar.expect(1_000)
  for (let step = 0; step < 30; step++) {
    clock.advance(10)
    bar.advance({ bytes: 10, lines: 1 })
  }
  bar.clear()

  expect(written).toHaveLength(4)
  expect(written.at(-1)).toBe('\r\u001b[2K')
})

it('writes nothing where there is no terminal', () => {
  const clock = createManualClock()
  const written: string[] = []
  const bar = createProgressBar({ terminal: { write: (text: string) => written.push(text) }, clock })

  bar.expect(1_000)
  clock.advance(1_000)
  bar.advance({ bytes: 10, lines: 1 })
  bar.clear()

  expect(written).toEqual([])
})
