import { resolve } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { countRawLines } from '../fixtures/raw-count.ts'
import { createProduct, eventually, type Product, sumOf } from './product.ts'

const sample = countRawLines(resolve(import.meta.dirname, '../../samples/events.ndjson.gz'))
const product: Product = await createProduct()
afterAll(() => product.close())

it('counts the sample exactly, tells where things are, and gives the same totals after a stop and a start', async () => {
  expect(sumOf(sample.totals)).toBe(50_000)
  expect(sample.bad).toBe(40)
  const first = product.spawn(['up'])
  await eventually(
    async () => first.output(),
    60_000,
    (output) => output.includes('curl'),
  )

  expect(await product.totals()).toEqual(sample.totals)
  expect((await product.status()).dead_letters).toBe(40)
  expect(first.output()).toContain(`${product.url}/analytics/events?event_type=view`)
  expect(first.output()).toContain('npx dataflow')
  const { body } = await product.getJson('/analytics/events?event_type=click')
  expect(body).toMatchObject({ event_type: 'click', total_events: sample.totals.click })

  // Twice at once, as npm does it: its child gets the terminal's and npm's own.
  first.child.kill('SIGINT')
  first.child.kill('SIGINT')
  expect((await first.ended).code).toBe(0)

  const second = product.spawn(['up'])
  await eventually(
    async () => second.output(),
    60_000,
    (output) => output.includes('curl'),
  )
  expect(await product.totals()).toEqual(sample.totals)
  expect((await product.status()).dead_letters).toBe(40)

  expect((await product.run(['stop'])).code).toBe(0)
  expect((await second.ended).code).toBe(0)
})

it('says when all windows are complete, since a quiet stream completes too', async () => {
  const up = product.spawn(['up', '--idle-timeout', '1s'])

  const answer = await eventually(
    () => product.getJson('/analytics/events?event_type=purchase').catch(() => null),
    60_000,
    (seen) => seen?.body.complete === true,
  )

  expect(answer?.body.total_events).toBe(sample.totals.purchase)
  up.child.kill('SIGINT')
  expect((await up.ended).code).toBe(0)
})
