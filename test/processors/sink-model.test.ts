import { expect, it } from 'vitest'
import type { Outcome } from './sink/world.ts'
import { runWorld } from './sink/world.ts'

// SINK_MODEL_RUNS=10000 npx vitest run --project unit test/processors/sink-model
const runs = Number(process.env.SINK_MODEL_RUNS ?? 500)

async function runMany(
  count: number,
  more: { withoutSwap?: boolean },
): Promise<{ sum: Outcome; bad: number[] }> {
  const sum: Outcome = {
    lost: 0,
    doubled: 0,
    commits: 0,
    crashes: 0,
    zombies: 0,
    storeFaults: 0,
    gapOffsets: 0,
    halted: 0,
  }
  const bad: number[] = []
  for (let seed = 1; seed <= count; seed++) {
    const outcome = await runWorld({ seed, disorderSteps: 400, ...more })
    if (outcome.lost + outcome.doubled + outcome.halted > 0) bad.push(seed)
    for (const name of Object.keys(sum) as (keyof Outcome)[]) sum[name] += outcome[name]
  }
  return { sum, bad }
}

it(`loses nothing and counts nothing twice in ${runs} interleavings of crashes, zombies, rebalances and lost answers (D1, D3, D5)`, async () => {
  const { sum, bad } = await runMany(runs, {})

  const { lost, doubled, halted } = sum
  expect({ bad, lost, doubled, halted }).toEqual({ bad: [], lost: 0, doubled: 0, halted: 0 })
  // Such a run must have been through something.
  expect(sum.crashes).toBeGreaterThan(runs)
  expect(sum.zombies).toBeGreaterThan(runs)
  expect(sum.storeFaults).toBeGreaterThan(runs)
  expect(sum.commits).toBeGreaterThan(runs * 5)
  expect(sum.gapOffsets).toBeGreaterThan(0)
}, 120_000)

it('counts twice as soon as a commit is not judged by the newest state', async () => {
  const { sum, bad } = await runMany(40, { withoutSwap: true })

  expect(bad.length).toBeGreaterThan(0)
  expect(sum.doubled).toBeGreaterThan(0)
}, 60_000)
