import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { AppError, SetupError } from '../../runtime/errors.ts'
import {
  BucketMissing,
  ObjectExists,
  ObjectNotFound,
  type ObjectStore,
  openStore,
  StoreUnavailable,
} from '../../storage/index.ts'
import { makeBucketLine } from '../../storage/s3-errors.ts'
import { bytes, collect, keys } from '../contracts/object-store.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

describe('answers of S3', () => {
  it.each([
    [412, 'PreconditionFailed', ObjectExists],
    [409, 'ConditionalRequestConflict', StoreUnavailable],
    [500, 'InternalError', StoreUnavailable],
    [503, 'SlowDown', StoreUnavailable],
    [429, 'TooManyRequests', StoreUnavailable],
    [403, 'RequestTimeTooSkewed', StoreUnavailable],
    [404, 'NoSuchBucket', BucketMissing],
    [403, 'AccessDenied', SetupError],
    [403, 'SignatureDoesNotMatch', SetupError],
    [400, 'ExpiredToken', SetupError],
    [301, 'PermanentRedirect', SetupError],
    [400, 'InvalidRequest', SetupError],
    [501, 'NotImplemented', StoreUnavailable],
  ])('to a conditional write: %i %s is told apart, after one attempt', async (status, code, kind) => {
    const { store, requests } = await storeAnswering((_request, response) => fail(response, status, code))

    const error = await store.putIfAbsent('log/1', bytes('x')).catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(kind)
    expect(requests).toEqual(['PUT /bucket/prefix/log/1?x-id=PutObject if-none-match: *'])
  })

  it('is tried again for a plain write, which may be repeated', async () => {
    const { store, requests } = await storeAnswering((_request, response, attempt) =>
      attempt === 1 ? fail(response, 503, 'SlowDown') : response.end(),
    )

    await store.put('key', bytes('x'))

    expect(requests.length).toBe(2)
  })

  it('that never comes leaves a conditional write unknown', async () => {
    const { store } = await storeAnswering((request) => request.socket.destroy())

    await expect(store.putIfAbsent('log/1', bytes('x'))).rejects.toThrow(StoreUnavailable)
  })

  it('that breaks off in the middle of a body is no end of the object', async () => {
    const { store } = await storeAnswering((_request, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('12345', () => response.socket?.destroy())
    })

    await expect(store.get('key')).rejects.toThrow(StoreUnavailable)
    await expect(collect(store.stream('key'))).rejects.toThrow(StoreUnavailable)
  })

  it('names the region of a bucket that is elsewhere', async () => {
    const { store } = await storeAnswering((_request, response) => {
      response.setHeader('x-amz-bucket-region', 'eu-central-1')
      fail(response, 301, 'PermanentRedirect')
    })

    await expect(store.get('key')).rejects.toThrow('AWS_REGION=eu-central-1')
  })

  it('without an object is not found, with a body or without', async () => {
    const { store } = await storeAnswering((request, response) => {
      response.statusCode = 404
      response.end(request.method === 'HEAD' ? undefined : errorBody('NoSuchKey'))
    })

    await expect(store.get('key')).rejects.toThrow(ObjectNotFound)
    await expect(store.head('key')).rejects.toThrow(ObjectNotFound)
  })

  it('that lists out of order is refused rather than believed', async () => {
    const { store } = await storeAnswering((_request, response) =>
      response.end(
        '<ListBucketResult><IsTruncated>false</IsTruncated>' +
          '<Contents><Key>prefix/b</Key><Size>1</Size></Contents><Contents><Key>prefix/a</Key><Size>1</Size></Contents></ListBucketResult>',
      ),
    )

    await expect(keys(store.list())).rejects.toThrow('does not list keys in byte order')
  })
})

it('sends the body as it is, without the framing of a stream', async () => {
  const bodies: string[] = []
  const { store } = await storeAnswering(async (request, response) => {
    bodies.push(`${request.headers['content-length']}:${await collect(request)}`)
    response.end()
  })

  await store.put('key', bytes('hello'))

  expect(bodies).toEqual(['5:hello'])
})

it.each(['localhost:4566', 'localhost', 'http://', 'ftp://host', 'http://host/path'])(
  'refuses the endpoint %s',
  async (endpoint) => {
    await expect(openStore('s3://bucket', { endpoint })).rejects.toThrow(SetupError)
  },
)

it('writes the line that makes a bucket for AWS and for other servers', () => {
  expect(makeBucketLine('raw', { endpoint: 'http://localhost:4566', region: 'us-east-1' })).toBe(
    'aws --endpoint-url=http://localhost:4566 s3 mb s3://raw',
  )
  expect(makeBucketLine('raw', { region: 'eu-west-1' })).toBe('aws s3 mb s3://raw --region eu-west-1')
  expect(makeBucketLine('raw', {})).toBe('aws s3 mb s3://raw')
  expect(new BucketMissing('raw', 'aws s3 mb s3://raw')).toBeInstanceOf(AppError)
})

/** A store on a server that gives canned answers, and a line per request it got. */
async function storeAnswering(
  answer: (request: IncomingMessage, response: ServerResponse, attempt: number) => unknown,
): Promise<{ store: ObjectStore; requests: string[] }> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const condition = request.headers['if-none-match']
    requests.push(`${request.method} ${request.url}${condition ? ` if-none-match: ${condition}` : ''}`)
    void Promise.resolve(answer(request, response, requests.length))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  closers.push(async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })
  const { port } = server.address() as AddressInfo
  const store = await openStore('s3://bucket/prefix', {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: 'test',
    secretAccessKey: 'test',
  })
  return { store, requests }
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.statusCode = status
  response.end(errorBody(code))
}

function errorBody(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>no</Message></Error>`
}
