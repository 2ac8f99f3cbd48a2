import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { connectKafka } from '../../broker/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { createProduct, eventually, type Product, type Status, sumOf } from './product.ts'

// Invariants D1 and D7: whatever is killed, whenever, every line of the raw files is counted once.
const types = ['click', 'view', 'purchase', 'login', 'error']
const lines = 1_000_000
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
  const inTopic: number[] = []
  for (const part of [0.1, 0.3, 0.5]) {
    const up = product.spawn(['up'])
    inTopic.push(await published(lines * part))
    up.child.kill('SIGINT')
    expect((await up.ended).code).toBe(0)
  }
  expect(inTopic[0]).toBeLessThan(lines) // else it was no interruption

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
  await published(lines * 0.1)
  await kill('replay')
  expect(await published(lines * 0.3)).toBeLessThan(lines)
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

it('stops at once although the broker was killed a moment before and is just starting again', async () => {
  product = await createProduct()
  const up = product.spawn(['up', '--no-sample'])
  await eventually(
    async () => up.output(),
    60_000,
    (output) => output.includes('curl'),
  )

  await kill('broker')
  up.child.kill('SIGINT')

  expect((await up.ended).code).toBe(0)
  expect(up.output()).not.toContain('did not stop')
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

/** Waits until the topic holds at least so many events. @returns how many it holds */
async function published(atLeast: number): Promise<number> {
  const clock = systemClock
  const settings = { brokers: [product.brokers], clientId: 'test', ssl: false }
  const inTopic = async (): Promise<number> => {
    const client = connectKafka(settings, { log: silentLogger, clock })
    try {
      const ends = await client.listOffsets('dataflow.events', [0, 1, 2, 3], 'latest')
      return [...ends.values()].reduce((sum, end) => sum + end, 0)
    } catch {
      return 0 // not up yet, or no topic yet
    } finally {
      await client.close()
    }
  }
  return eventually(inTopic, 60_000, (events) => events >= atLeast)
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
