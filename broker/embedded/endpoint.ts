import { type Api, decodeRequestBody, encodeResponse, type RequestHeader } from '../wire/index.ts'

/** What a handler may know besides the request itself. */
export interface RequestContext {
  version: number
  clientId: string
  /** The peer, as DescribeGroups shows it. */
  clientHost: string
  /** The address at which this client reached us: what to advertise, unless told otherwise. */
  localHost: string
  localPort: number
  /** Aborts when the connection or the broker closes: nobody waits for the answer any more. */
  signal: AbortSignal
}

/** An API together with what answers it. */
export interface Endpoint {
  readonly key: number
  readonly name: string
  readonly minVersion: number
  readonly maxVersion: number
  /**
   * Reads the body and starts the work in this very tick, so that appends keep the order of arrival.
   * Resolves to the answer's chunks; null means that no answer is to be sent.
   * @throws {MalformedFrame} at once or by rejection
   */
  serve(
    frame: Buffer,
    bodyAt: number,
    header: RequestHeader,
    context: RequestContext,
  ): Promise<Buffer[] | null>
}

export type Handler<Request, Response> = (
  request: Request,
  context: RequestContext,
) => Promise<Response | null> | Response | null

export function endpoint<Request, Response>(
  api: Api<Request, Response>,
  handle: Handler<Request, Response>,
): Endpoint {
  const { key, name, minVersion, maxVersion } = api
  return {
    key,
    name,
    minVersion,
    maxVersion,
    async serve(frame, bodyAt, header, context) {
      const request = decodeRequestBody(api, header.apiVersion, frame, bodyAt)
      const body = await handle(request, context)
      if (body === null) return null
      const { correlationId, apiVersion: version } = header
      return encodeResponse(api, { version, correlationId, body })
    },
  }
}
