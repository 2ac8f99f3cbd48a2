import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createProduct, eventually, type Product, type Status, sumOf } from './product.ts'

// Invariants D1 and D7: whatever is killed, whenever, every line of the raw files is counted once.
const types = ['click', 'view', 'purchase', 'login', 'error']
const lines = 400_000
let product: Product
afterEach(() => product.close())

it('counts every line once when the broker and a processor are killed in the middle', async () => {
  product = await createProduct({ PROCESSORS: '2' })
  const expected = await writeEvents(product, lines)
  const up = product.spawn(['up'])

  await counted(lines * 0.1)
  await kill('broker')
  await counted(lines * 0.4)
  await kill('process')
  await counted(lines * 0.6)
  await kill('broker')

  await eventually(
    () => product.totals(),
    90_000,
    (totals) => sumOf(totals) >= lines,
  )
  expect(await product.totals()).toEqual(expected)
  await restartAndCompare(up, expected)
})

it('counts every line once when everything is interrupted in the middle of an object', async () => {
  product = await createProduct()
  const expected = await writeEvents(product, lines)
  for (const part of [0.15, 0.4, 0.7]) {
    const up = product.spawn(['up'])
    await counted(lines * part)
    up.child.kill('SIGINT')
    expect((await up.ended).code).toBe(0)
  }

  const up = product.spawn(['up'])

  await eventually(
    () => product.totals(),
    90_000,
    (totals) => sumOf(totals) >= lines,
  )
  await restartAndCompare(up, expected)
})

it('counts every line once when up, replay and all are killed in the middle of an object', async () => {
  product = await createProduct()
  const expected = await writeEvents(product, lines)
  const first = product.spawn(['up'])
  await counted(lines * 0.2)
  await kill('replay')
  await counted(lines * 0.4)
  const { children } = await product.status()
  for (const { pid } of children) if (pid !== null) process.kill(pid, 'SIGKILL')
  first.child.kill('SIGKILL')
  await first.ended

  const second = product.spawn(['up'])

  await eventually(
    () => product.totals(),
    90_000,
    (totals) => sumOf(totals) >= lines,
  )
  await restartAndCompare(second, expected)
})

it('moves on within 10 s after one of two processors is killed', async () => {
  product = await createProduct({ PROCESSORS: '2' })
  const up = product.spawn(['up', '--no-sample'])
  await eventually(
    async () => up.output(),
    60_000,
    (output) => output.includes('curl'),
  )
  const demo = product.spawn(['produce', '--demo', '--rate', '200'])
  await counted(400)

  await kill('process')
  const killedMs = Date.now()
  const stuckAt = await settledTotal()
  await counted(stuckAt + 1_000, 30_000)

  // All partitions must move, not only those of the survivor: lag goes back to what one flush holds.
  await eventually(
    () => product.status(),
    30_000,
    (status: Status) => (status.lag_records ?? 1e9) < 600,
  )
  expect(Date.now() - killedMs).toBeLessThan(10_000)
  demo.child.kill('SIGINT')
  await demo.ended
})

async function writeEvents(to: Product, count: number): Promise<Record<string, number>> {
  const totals: Record<string, number> = {}
  const rows: string[] = []
  for (let line = 0; line < count; line++) {
    const type = types[(line * 7) % types.length] ?? ''
    totals[type] = (totals[type] ?? 0) + 1
    const timestamp = new Date(Date.UTC(2026, 0, 1) + line * 50).toISOString()
    rows.push(JSON.stringify({ event_type: type, timestamp, user_id: `u${line % 977}`, value: line % 100 }))
  }
  await mkdir(join(to.home, 'raw'), { recursive: true })
  await writeFile(join(to.home, 'raw', 'events.ndjson'), `${rows.join('\n')}\n`)
  return totals
}

/** Waits until at least so many events are counted. */
async function counted(atLeast: number, withinMs = 60_000): Promise<void> {
  await eventually(
    () => product.totals(),
    withinMs,
    (totals) => sumOf(totals) >= atLeast,
  )
}

async function settledTotal(): Promise<number> {
  return sumOf(await product.totals())
}

async function kill(kind: string): Promise<void> {
  const { children } = await product.status()
  const pid = children.find((child) => child.kind === kind)?.pid
  expect(pid).toBeTypeOf('number')
  process.kill(Number(pid), 'SIGKILL')
}

async function restartAndCompare(
  up: ReturnType<Product['spawn']>,
  expected: Record<string, number>,
): Promise<void> {
  expect(await product.totals()).toEqual(expected)
  up.child.kill('SIGINT')
  await up.ended
  const again = product.spawn(['up'])
  await eventually(
    async () => again.output(),
    60_000,
    (output) => output.includes('curl'),
  )
  expect(await product.totals()).toEqual(expected)
  again.child.kill('SIGINT')
  expect((await again.ended).code).toBe(0)
}
