import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveApi } from '../../api/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { BucketMissing, type ObjectStore, openStore, StoreUnavailable } from '../../storage/index.ts'
import { openTableForReading, rowsOf } from '../../table/index.ts'
import { bytes, collect, keys, objectStoreContract, text } from '../contracts/object-store.ts'
import { aRow, openInlineTable, someTags } from '../fixtures/table.ts'
import { type S3Server, s3Unavailable, startS3Server } from './s3-server.ts'

const unavailable = await s3Unavailable()
if (unavailable) console.warn(`SKIPPED s3: ${unavailable}`)

describe.skipIf(unavailable !== null && !process.env.CI)('s3 store on moto', () => {
  let server: S3Server
  let opened = 0
  const open = async (url?: string): Promise<ObjectStore> => {
    return openStore(url ?? `s3://dataflow-raw/store ${++opened}+&=é/`, server.settings)
  }
  beforeAll(async () => {
    server = await startS3Server()
    await server.makeBucket('dataflow-raw')
  }, 600_000) // a first install on a busy machine
  afterAll(() => server?.close())

  objectStoreContract(open)

  it('keeps stores under different prefixes apart', async () => {
    const outer = await open('s3://dataflow-raw/apart')
    const inner = await open('s3://dataflow-raw/apart/inner/')
    const beside = await open('s3://dataflow-raw/apart2')

    await inner.put('key', bytes('x'))
    await beside.put('key', bytes('y'))

    expect(await keys(outer.list())).toEqual(['inner/key'])
    expect(await text(outer, 'inner/key')).toBe('x')
  })

  it('reads what the AWS command line wrote, whatever its name, but not its folder marks', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'dataflow-aws-'))
    await writeFile(join(dir, 'sample.json'), '{"event_type":"click"}\n')
    try {
      await server.aws('s3', 'mb', 's3://from-aws')
      await server.aws('s3', 'cp', join(dir, 'sample.json'), 's3://from-aws/events/a//b +%2F&é 😀.json')
      await server.aws('s3api', 'put-object', '--bucket', 'from-aws', '--key', 'events/')
    } finally {
      await rm(dir, { recursive: true })
    }

    const store = await open('s3://from-aws/')

    expect(await keys(store.list())).toEqual(['events/a//b +%2F&é 😀.json'])
    expect(await collect(store.stream('events/a//b +%2F&é 😀.json'))).toBe('{"event_type":"click"}\n')
  })

  it('tells how to make a missing bucket', async () => {
    const store = await open('s3://no-such-bucket/prefix/')
    const line = `aws --endpoint-url=${server.endpoint} s3 mb s3://no-such-bucket`

    for (const call of [
      () => store.get('key'),
      () => store.put('key', bytes('x')),
      () => store.putIfAbsent('key', bytes('x')),
      () => keys(store.list()),
      () => store.delete('key'),
    ]) {
      const error = await call().then(
        () => null,
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(BucketMissing)
      expect(error).toMatchObject({ remedy: 'stop', message: expect.stringContaining(line) })
    }
  })

  it('says that a server which is not there is unavailable, to be tried again', async () => {
    const gone = await startS3Server()
    await gone.makeBucket('dataflow-raw')
    const store = await openStore('s3://dataflow-raw', gone.settings)
    await store.put('key', bytes('x'))

    await gone.close()

    await expect(store.putIfAbsent('other', bytes('x'))).rejects.toThrow(StoreUnavailable)
    await expect(store.get('key')).rejects.toThrow(gone.endpoint)
  })

  it('holds a table that many writers commit to at once, and the API counts every event', async () => {
    const store = await open('s3://dataflow-raw/table/')
    const writers = await Promise.all([0, 1, 2, 3].map(() => openInlineTable(store, { clock: systemClock })))
    const flushes = writers.map(async (table, kafkaPartition) => {
      for (let offset = 0; offset < 5; offset++) {
        const row = aRow({ kafkaPartition, firstOffset: offset, lastOffset: offset })
        const files = await table.writeFiles(rowsOf([row], 0), someTags)
        await table.commit(() => ({ actions: files, info: { operation: 'WRITE' } }))
      }
    })
    await Promise.all(flushes)
    const api = await serveApi({
      host: '127.0.0.1',
      port: 0,
      openTable: () => openTableForReading({ store, log: silentLogger }),
      log: silentLogger,
    })

    const answer = await fetch(`${api.url}/analytics/events?event_type=click`)

    expect(await answer.json()).toMatchObject({ event_type: 'click', total_events: 20 })
    expect((await keys(store.list({ prefix: '_delta_log/' }))).length).toBe(21)
    await api.close()
    for (const table of writers) await table.close()
  })
})
