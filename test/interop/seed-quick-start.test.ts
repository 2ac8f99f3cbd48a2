import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createProduct, eventually } from '../pipeline/product.ts'
import { s3Unavailable, startS3Server } from './s3-server.ts'

// The way in of the Spark project that this one replaces: its exports, its buckets, its file name, its request.
const unavailable = await s3Unavailable()
if (unavailable) console.warn(`SKIPPED the S3 quick start: ${unavailable}`)

describe.skipIf(unavailable !== null && !process.env.CI)('the S3 quick start', async () => {
  const server = await startS3Server()
  const folder = await mkdtemp(join(tmpdir(), 'dataflow-seed-'))
  const exports = {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ENDPOINT_URL: server.endpoint,
    RAW_URL: 's3://dataflow-raw/events/',
    TABLE_URL: 's3://dataflow-processed/',
  }
  const product = await createProduct({ ...exports, FLUSH_INTERVAL: '1s' })
  afterAll(async () => {
    await product.close()
    await server.close()
    await rm(folder, { recursive: true })
  })

  it('shows the line that makes a missing bucket, and stops', async () => {
    const { code, stderr } = await product.run(['up'])

    expect(stderr).toMatch(/^dataflow: .*s3 mb s3:\/\/dataflow-raw/)
    expect(code).toBe(2)
  })

  it('counts what is copied to events/ and answers the example request', async () => {
    await server.aws('s3', 'mb', 's3://dataflow-raw')
    await server.aws('s3', 'mb', 's3://dataflow-processed')
    const file = join(folder, 'sample_events.json')
    await writeFile(file, sampleEvents())
    await server.aws('s3', 'cp', file, 's3://dataflow-raw/events/sample_events.json')
    const up = product.spawn(['up'])

    await eventually(
      () => product.totals(),
      90_000,
      ({ click }) => click === 42,
    )
    const { status, body } = await product.getJson('/analytics/events?event_type=click')

    expect(status).toBe(200)
    expect(body).toMatchObject({ event_type: 'click', total_events: 42 })
    const stored = await server.aws('s3', 'ls', '--recursive', 's3://dataflow-processed/')
    expect(stored).toMatch(/event_type=click\/\S+\.parquet/)
    up.child.kill('SIGINT')
    expect((await up.ended).code).toBe(0)
  })

  it('gives the same totals when everything is run again with nothing local left', async () => {
    const again = await createProduct({ ...exports, FLUSH_INTERVAL: '1s' })
    const up = again.spawn(['serve'])

    await eventually(
      () => again.totals(),
      30_000,
      ({ click }) => click === 42,
    )

    expect(await again.totals()).toEqual({ click: 42, purchase: 7 })
    up.child.kill('SIGTERM')
    expect((await up.ended).code).toBe(0)
    await again.close()
  })
})

/** 42 clicks and 7 purchases, one object a line. */
function sampleEvents(): string {
  const line = (type: string, index: number): string =>
    JSON.stringify({
      event_type: type,
      user_id: `u${index}`,
      timestamp: new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString(),
    })
  return [
    ...Array.from({ length: 42 }, (_, index) => line('click', index)),
    ...Array.from({ length: 7 }, (_, index) => line('purchase', index)),
  ].join('\n')
}
