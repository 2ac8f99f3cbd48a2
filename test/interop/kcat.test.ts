import { execFile } from 'node:child_process'
import { afterAll, expect, it } from 'vitest'
import { createProduct, eventually } from '../pipeline/product.ts'

// kcat (librdkafka) from Debian: a Kafka client that shares nothing with this project.
const product = await createProduct()
afterAll(() => product.close())

it('kcat lists, produces JSON and consumes; an event it produces is counted', async () => {
  const up = product.spawn(['up', '--no-sample'])
  await eventually(
    async () => up.output(),
    60_000,
    (output) => output.includes('curl'),
  )

  const listed = JSON.parse(await kcat(['-L', '-J'])) as {
    topics: { topic: string; partitions: unknown[] }[]
  }
  expect(listed.topics.find(({ topic }) => topic === 'dataflow.events')?.partitions).toHaveLength(4)

  const now = new Date().toISOString()
  const events = ['from_kcat', 'from_kcat', 'other'].map((type) =>
    JSON.stringify({ event_type: type, timestamp: now }),
  )
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    await kcat(['-P', '-t', 'dataflow.events', '-z', codec], `${events.join('\n')}\n`)
  await kcat(['-P', '-t', 'dataflow.events', '-X', 'enable.idempotence=true'], `${events.join('\n')}\n`)

  await eventually(
    () => product.totals(),
    30_000,
    ({ from_kcat }) => from_kcat === 12,
  )
  expect(await product.totals()).toEqual({ from_kcat: 12, other: 6 })
  const consumed = (await kcat(['-C', '-t', 'dataflow.events', '-o', 'beginning', '-e', '-q']))
    .trim()
    .split('\n')
  expect(consumed.filter((line) => line === events[2])).toHaveLength(6)
  expect(consumed).toHaveLength(18)
  up.child.kill('SIGINT')
  expect((await up.ended).code).toBe(0)
})

function kcat(args: readonly string[], input = ''): Promise<string> {
  return new Promise((done, fail) => {
    const child = execFile(
      'kcat',
      ['-b', product.brokers, ...args],
      { maxBuffer: 10_000_000 },
      (error, stdout, stderr) => (error ? fail(new Error(`kcat: ${error.message} ${stderr}`)) : done(stdout)),
    )
    child.stdin?.end(input)
  })
}
