/**
 * Objects in an S3 bucket under a prefix, on AWS or any server that speaks the protocol.
 * Bodies are sent as byte arrays: with some servers a stream is stored with its chunk framing inside, answered by 200.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3'
import { errorMessage, SetupError } from '../runtime/errors.ts'
import { ObjectNotFound, StoreUnavailable } from './errors.ts'
import { compareKeys, requirePlainKey } from './keys.ts'
import type { ByteRange, ListOptions, ObjectInfo, ObjectStore } from './object-store.ts'
import type { S3Settings } from './open-store.ts'
import { isPastEnd, translateS3Error } from './s3-errors.ts'

const connectMs = 5_000
/** From a request's first byte to the answer's headers, so it has to cover the upload of the largest body. */
const answerMs = 120_000
const commitAnswerMs = 20_000
/** How long a body may say nothing while it is being waited for. */
const silenceMs = 60_000

export function openS3Store(location: { bucket: string; prefix: string }, settings: S3Settings): ObjectStore {
  const { bucket, prefix } = location
  requireUrl(settings.endpoint)
  const client = new S3Client(clientConfig(settings, 4, answerMs))
  // A retry hidden in the client would turn one's own first success into "exists already".
  const once = new S3Client(clientConfig(settings, 1, commitAnswerMs))
  const address = (key: string) => ({ Bucket: bucket, Key: prefix + key })
  const translate = (error: unknown, key: string): unknown =>
    translateS3Error(error, { key, bucket, settings, url: `s3://${bucket}/${prefix}` })

  async function* read(key: string, range?: ByteRange, signal?: AbortSignal): AsyncIterable<Uint8Array> {
    if (key === '') throw new ObjectNotFound(key)
    try {
      const input = { ...address(key), ...(range ? { Range: rangeHeader(range) } : {}) }
      const { Body } = await client.send(new GetObjectCommand(input), signal ? { abortSignal: signal } : {})
      if (isReadable(Body)) yield* chunksOf(Body, signal)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (range && isPastEnd(error)) return
      throw translate(error, key)
    }
  }

  return {
    url: `s3://${bucket}/${prefix}`,
    async get(key, range) {
      const chunks: Uint8Array[] = []
      for await (const chunk of read(key, range)) chunks.push(chunk)
      return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
    },
    stream: (key, { start = 0, signal } = {}) => read(key, start > 0 ? { start } : undefined, signal),
    async put(key, body) {
      requirePlainKey(key)
      try {
        await client.send(new PutObjectCommand({ ...address(key), Body: body }))
      } catch (error) {
        throw translate(error, key)
      }
    },
    async putIfAbsent(key, body) {
      requirePlainKey(key)
      try {
        await once.send(new PutObjectCommand({ ...address(key), Body: body, IfNoneMatch: '*' }))
      } catch (error) {
        throw translate(error, key)
      }
    },
    async *list(options: ListOptions = {}) {
      const { signal } = options
      let page: string | undefined
      let last = ''
      do {
        const { objects, nextPage } = await listPage(options, page)
        for (const object of objects) {
          signal?.throwIfAborted()
          // Both the table's log and the replay rely on the order; better no answer than a wrong one.
          if (compareKeys(object.key, last) < 0) {
            throw new SetupError(`s3://${bucket} does not list keys in byte order; use another S3 server`)
          }
          last = object.key
          yield object
        }
        page = nextPage
      } while (page !== undefined)
    },
    async delete(key) {
      if (key === '') return
      try {
        await client.send(new DeleteObjectCommand(address(key)))
      } catch (error) {
        throw translate(error, key)
      }
    },
    async head(key) {
      if (key === '') throw new ObjectNotFound(key)
      try {
        return infoOf(key, await client.send(new HeadObjectCommand(address(key))))
      } catch (error) {
        throw translate(error, key)
      }
    },
  }

  async function listPage(
    options: ListOptions,
    page: string | undefined,
  ): Promise<{ objects: ObjectInfo[]; nextPage: string | undefined }> {
    const { after = '', signal } = options
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: prefix + (options.prefix ?? ''),
      ...(page === undefined ? {} : { ContinuationToken: page }),
      ...(after === '' ? {} : { StartAfter: prefix + after }),
      // Keys may hold characters that XML cannot.
      EncodingType: 'url',
    })
    try {
      const answer = await client.send(command, signal ? { abortSignal: signal } : {})
      const decode = answer.EncodingType === 'url' ? decodeKey : (key: string) => key
      const objects = (answer.Contents ?? []).flatMap((found) => {
        const key = decode(found.Key ?? '').slice(prefix.length)
        // Consoles make empty "folder" objects; they stand for no data.
        const isFolder = key === '' || (key.endsWith('/') && found.Size === 0)
        return isFolder ? [] : [infoOf(key, { ...found, ContentLength: found.Size })]
      })
      return { objects, nextPage: answer.IsTruncated ? answer.NextContinuationToken : undefined }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      throw translate(error, options.prefix ?? '')
    }
  }
}

function clientConfig(settings: S3Settings, maxAttempts: number, requestTimeout: number): S3ClientConfig {
  const { endpoint, accessKeyId, secretAccessKey, sessionToken } = settings
  const region = settings.region ?? (endpoint === undefined ? undefined : 'us-east-1')
  return {
    maxAttempts,
    ...(region === undefined ? {} : { region }),
    ...(accessKeyId !== undefined && secretAccessKey !== undefined
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
    ...(endpoint === undefined
      ? {}
      : {
          endpoint,
          forcePathStyle: true,
          // The SDK's newer default checksums break several servers.
          requestChecksumCalculation: 'WHEN_REQUIRED',
          responseChecksumValidation: 'WHEN_REQUIRED',
        }),
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout,
      throwOnRequestTimeout: true,
      // A reader that rests must not lose its stream; `chunksOf` watches for silence instead.
      socketTimeout: 0,
    },
  }
}

function requireUrl(endpoint: string | undefined): void {
  if (endpoint === undefined || /^https?:\/\/[^/?#]+\/?$/i.test(endpoint)) return
  throw new SetupError(`AWS_ENDPOINT_URL=${endpoint} is not the URL of a server; write http://host:port`)
}

/** Ends the body's connection when the caller stops early, aborts, or the server falls silent. */
async function* chunksOf(body: NodeJS.ReadableStream, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const destroy = (error?: Error): void => {
    if ('destroy' in body && typeof body.destroy === 'function') body.destroy(error)
  }
  const onAbort = (): void => destroy(new Error('aborted'))
  const onSilence = (): void => destroy(new StoreUnavailable(`no data for ${silenceMs} ms`))
  signal?.addEventListener('abort', onAbort, { once: true })
  let silence = setTimeout(onSilence, silenceMs)
  try {
    for await (const chunk of body) {
      clearTimeout(silence)
      if (typeof chunk !== 'string') yield chunk
      signal?.throwIfAborted()
      silence = setTimeout(onSilence, silenceMs)
    }
  } finally {
    clearTimeout(silence)
    signal?.removeEventListener('abort', onAbort)
    destroy()
  }
}

function isReadable(body: unknown): body is NodeJS.ReadableStream {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function rangeHeader({ start, end }: ByteRange): string {
  return `bytes=${start}-${end === undefined ? '' : end - 1}`
}

function decodeKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch (error) {
    throw new StoreUnavailable(`a listed key is badly encoded: ${errorMessage(error)}`, error)
  }
}

function infoOf(
  key: string,
  found: { ContentLength?: number | undefined; ETag?: string | undefined; LastModified?: Date | undefined },
): ObjectInfo {
  return {
    key,
    size: found.ContentLength ?? 0,
    etag: (found.ETag ?? '').replaceAll('"', ''),
    modifiedMs: found.LastModified?.getTime() ?? 0,
  }
}
