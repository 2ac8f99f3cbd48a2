import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serveApi } from '../../api/index.ts'
import { SetupError } from '../../runtime/errors.ts'
import { silentLogger } from '../../runtime/log.ts'
import { BucketMissing } from '../../storage/index.ts'
import { aRow } from '../fixtures/table.ts'
import { type ApiUnderTest, startApi } from './api-under-test.ts'

let api: ApiUnderTest
beforeEach(async () => {
  api = await startApi()
})
afterEach(() => api.close())

it('lists what can be asked, and says that it runs without asking the store', async () => {
  expect((await api.get('/healthz')).body).toEqual({ status: 'ok' })
  expect((await api.get('/')).body).toMatchObject({
    name: 'DataFlow',
    endpoints: expect.arrayContaining([
      { get: '/analytics/events?event_type=click&from=&to=', answer: expect.any(String) },
    ]),
  })
  expect(api.calls).toEqual([])
})

describe('problems', () => {
  it('a path that is not there: 404, with the nearest that is', async () => {
    const { status, headers, body } = await api.get('/analytics/event?event_type=click')

    expect(status).toBe(404)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(body).toEqual({
      type: 'urn:dataflow:problem:not-found',
      title: 'Not found',
      status: 404,
      code: 'NOT_FOUND',
      detail: 'there is nothing at /analytics/event; did you mean /analytics/events?',
    })
  })

  it('a method that is not offered: 405, with those that are', async () => {
    const { status, headers, body } = await api.get('/analytics/events?event_type=click', { method: 'POST' })

    expect(status).toBe(405)
    expect(headers.get('allow')).toBe('HEAD, GET')
    expect(body).toMatchObject({
      code: 'METHOD_NOT_ALLOWED',
      detail: 'POST is not offered here; use HEAD, GET',
    })
  })

  it('an unavailable store: 503 that asks to try again, and well again after', async () => {
    await api.commit([aRow()])
    api.fail('unavailable')

    const { status, headers, body } = await api.get('/analytics/events?event_type=click')

    expect(status).toBe(503)
    expect(headers.get('retry-after')).toBe('1')
    expect(body).toMatchObject({ code: 'STORE_UNAVAILABLE', title: 'Service unavailable' })
    api.fail(undefined)
    expect((await api.get('/analytics/events?event_type=click')).body).toMatchObject({ total_events: 1 })
  })

  it('a store that hangs: 503 after ten seconds, while the reading goes on', async () => {
    await api.commit([aRow()])
    const released = new AbortController()
    api.hold(once(released.signal, 'abort').then(() => {}))
    const before = api.calls.length
    const reply = api.get('/analytics/types')
    await turnsUntil(() => api.calls.length > before)

    api.clock.advance(10_000)

    expect((await reply).status).toBe(503)
    expect((await reply).body).toMatchObject({ code: 'TABLE_UNAVAILABLE' })
    released.abort()
    expect((await api.get('/analytics/types')).body).toMatchObject({ types: [{ total_events: 1 }] })
  })

  it('a missing bucket: 503 that says how to make it', async () => {
    api.fail(new BucketMissing('processed', 'aws s3 mb s3://processed'))

    const { status, body } = await api.get('/analytics/types')

    expect(status).toBe(503)
    expect(body).toMatchObject({
      code: 'BUCKET_MISSING',
      detail: expect.stringContaining('aws s3 mb s3://processed'),
    })
  })

  it('a bug: 500 without its details, which are logged', async () => {
    api.fail(new Error('secret detail'))

    const { status, body } = await api.get('/analytics/types')

    expect(status).toBe(500)
    expect(JSON.stringify(body)).not.toContain('secret')
    expect(body).toMatchObject({ code: 'INTERNAL' })
    expect(api.logged.join('\n')).toContain('secret detail')
  })

  it('a path that cannot be decoded: a client error', async () => {
    expect((await api.get('/%E0%A4%A')).status).toBeLessThan(500)
  })
})

describe('reading the table', () => {
  it('refreshes once for many requests at a time', async () => {
    await api.commit([aRow()])
    await api.get('/analytics/types')
    await api.commit([aRow({ firstOffset: 1, lastOffset: 1 })])
    api.calls.length = 0

    const replies = await Promise.all(
      Array.from({ length: 20 }, () => api.get('/analytics/events?event_type=click')),
    )

    expect(replies.map(({ body }) => body)).toEqual(
      Array.from({ length: 20 }, () => expect.objectContaining({ total_events: 2 })),
    )
    const lists = api.calls.filter(({ operation }) => operation === 'list')
    const files = api.calls.filter(({ key }) => key.endsWith('.parquet')).map(({ key }) => key)
    expect(lists.length).toBe(1)
    // The first one's counts are known already.
    expect(new Set(files).size).toBe(1)
  })

  it('asks the store for nothing within 200 ms, and reads no data file twice', async () => {
    await api.commit([aRow()])
    await api.get('/analytics/events?event_type=click')
    api.calls.length = 0

    await api.get('/analytics/events?event_type=click')
    expect(api.calls).toEqual([])
    api.clock.advance(200)
    await api.get('/analytics/events?event_type=click')

    expect(api.calls.length).toBeGreaterThan(0)
    expect(api.calls.filter(({ key }) => key.endsWith('.parquet'))).toEqual([])
  })

  it('opens no file of another type', async () => {
    await api.commit([aRow(), aRow({ eventType: 'purchase', firstOffset: 1, lastOffset: 1 })])

    await api.get('/analytics/events?event_type=purchase')

    const files = api.calls.filter(({ operation, key }) => operation === 'get' && key.endsWith('.parquet'))
    expect(files.length).toBeGreaterThan(0)
    expect(files.every(({ key }) => key.startsWith('event_type=purchase/'))).toBe(true)
  })
})

describe('closing', () => {
  it('does not wait for connections that are kept alive', async () => {
    const agent = new Agent({ keepAlive: true })
    const request = get(`${api.server.url}/healthz`, { agent })
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    const silent = connect(api.server.port, '127.0.0.1')
    await once(silent, 'connect')

    const startedMs = performance.now()
    await api.server.close()

    expect(performance.now() - startedMs).toBeLessThan(2_000) // it would be 5 s for the patient
    await expect(fetch(`${api.server.url}/healthz`)).rejects.toThrow()
    agent.destroy()
    silent.destroy()
  })

  it('lets an answer under way end', async () => {
    await api.commit([aRow()])
    const released = new AbortController()
    api.hold(once(released.signal, 'abort').then(() => {}))
    const before = api.calls.length
    const reply = api.get('/analytics/types')
    await turnsUntil(() => api.calls.length > before)
    const closed = api.server.close()
    released.abort()

    const [{ status }] = await Promise.all([reply, closed])

    expect(status).toBe(200)
  })
})

it('says what to do about a port that is taken or a host that is not here', async () => {
  const parts = { openTable: async () => null, log: silentLogger }

  await expect(serveApi({ ...parts, host: '127.0.0.1', port: api.server.port })).rejects.toThrow('set PORT')
  await expect(serveApi({ ...parts, host: '192.0.2.1', port: 0 })).rejects.toThrow(SetupError)
})

async function turnsUntil(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((turn) => setImmediate(turn))
}
