import type { Layout } from './layout.ts'
import { createFrameReader, createFrameWriter, MalformedFrame } from './primitives.ts'

/** One API of the protocol: the versions we speak and what they look like. */
export interface Api<Request, Response> {
  readonly name: string
  readonly key: number
  readonly minVersion: number
  readonly maxVersion: number
  /** The first flexible version; infinite when none is. */
  readonly flexFrom: number
  readonly request: Layout<Request>
  readonly response: Layout<Response>
}

export interface ApiOptions<Request, Response> {
  name: string
  key: number
  versions: readonly [min: number, max: number]
  flexFrom?: number
  request: Layout<Request>
  response: Layout<Response>
}

export function defineApi<Request, Response>(options: ApiOptions<Request, Response>): Api<Request, Response> {
  const { versions, flexFrom = Number.POSITIVE_INFINITY, ...rest } = options
  return { ...rest, minVersion: versions[0], maxVersion: versions[1], flexFrom }
}

export interface RequestHeader {
  apiKey: number
  apiVersion: number
  correlationId: number
  clientId: string | null
}

const apiVersionsKey = 18

/** The whole request frame, length in front, as chunks to send in order. */
export function encodeRequest<Request>(
  api: Pick<Api<Request, never>, 'key' | 'flexFrom' | 'request'>,
  call: { version: number; correlationId: number; clientId: string | null; body: Request },
): Buffer[] {
  const writer = createFrameWriter()
  writer.i16(api.key)
  writer.i16(call.version)
  writer.i32(call.correlationId)
  writer.nullableString(call.clientId) // never compact, even in a flexible header
  writer.flex = call.version >= api.flexFrom
  writer.tags()
  api.request.write(writer, call.body, call.version)
  return writer.frame()
}

/** `frame` is without its length prefix. The header's clientId is all that comes before the API must be known. */
export function decodeRequestHeader(frame: Buffer): { header: RequestHeader; bodyAt: number } {
  const reader = createFrameReader(frame)
  const header = {
    apiKey: reader.i16(),
    apiVersion: reader.i16(),
    correlationId: reader.i32(),
    clientId: reader.nullableString(),
  }
  return { header, bodyAt: frame.length - reader.remaining() }
}

export function decodeRequestBody<Request>(
  api: Pick<Api<Request, never>, 'flexFrom' | 'request'>,
  version: number,
  frame: Buffer,
  bodyAt: number,
): Request {
  const reader = createFrameReader(frame, bodyAt)
  reader.flex = version >= api.flexFrom
  reader.tags()
  return api.request.read(reader, version)
}

/** The whole response frame, length in front, as chunks to send in order. */
export function encodeResponse<Response>(
  api: Pick<Api<never, Response>, 'key' | 'flexFrom' | 'response'>,
  answer: { version: number; correlationId: number; body: Response },
): Buffer[] {
  const writer = createFrameWriter()
  writer.i32(answer.correlationId)
  writer.flex = answer.version >= api.flexFrom
  // A client reads this answer before it knows what the broker speaks, so its header has no tag section, ever.
  if (api.key !== apiVersionsKey) writer.tags()
  api.response.write(writer, answer.body, answer.version)
  return writer.frame()
}

/** `frame` is without its length prefix. @throws {MalformedFrame} */
export function decodeResponse<Response>(
  api: Pick<Api<never, Response>, 'key' | 'flexFrom' | 'response'>,
  version: number,
  frame: Buffer,
): { correlationId: number; body: Response } {
  const reader = createFrameReader(frame)
  const correlationId = reader.i32()
  reader.flex = version >= api.flexFrom
  if (api.key !== apiVersionsKey) reader.tags()
  return { correlationId, body: api.response.read(reader, version) }
}

/** The newest version both sides speak, or null. */
export function commonVersion(
  api: Pick<Api<never, never>, 'minVersion' | 'maxVersion'>,
  theirs: { minVersion: number; maxVersion: number } | undefined,
): number | null {
  if (!theirs) return null
  const version = Math.min(api.maxVersion, theirs.maxVersion)
  return version >= Math.max(api.minVersion, theirs.minVersion) ? version : null
}

/** Correlation id of a response frame, to match it with its request before its API is known. */
export function correlationIdOf(frame: Buffer): number {
  if (frame.length < 4) throw new MalformedFrame('response shorter than its header')
  return frame.readInt32BE(0)
}
