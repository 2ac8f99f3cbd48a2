/** A connection that is ready for use: versions agreed on, logged in. */
import { SetupError } from '../../runtime/errors.ts'
import {
  type Api,
  apiVersions,
  commonVersion,
  decodeResponse,
  encodeRequest,
  kafkaError,
  MalformedFrame,
} from '../wire/index.ts'
import { BrokerUnavailable, KafkaError } from './errors.ts'
import { authenticate } from './sasl.ts'
import type { KafkaSettings } from './settings.ts'
import { openTransport } from './transport.ts'

export interface Connection {
  /** host:port */
  readonly address: string
  readonly isOpen: boolean
  /**
   * One request in the newest version that both sides speak.
   * @throws {BrokerUnavailable} when no answer came; the request may have been carried out
   */
  call<Request, Response>(
    api: Api<Request, Response>,
    body: Request,
    options?: { timeoutMs?: number },
  ): Promise<Response>
  close(): void
}

const connectTimeoutMs = 10_000
const defaultTimeoutMs = 30_000

/** @param signal closes it, also while it is being opened */
export async function openConnection(
  address: string,
  settings: KafkaSettings,
  signal: AbortSignal,
): Promise<Connection> {
  const transport = await openTransport({ address, ssl: settings.ssl, connectTimeoutMs, signal })
  const theirVersions = new Map<number, { minVersion: number; maxVersion: number }>()
  let nextCorrelationId = 1
  let isProven = false

  const callVersion = async <Request, Response>(
    api: Api<Request, Response>,
    version: number,
    body: Request,
    timeoutMs: number,
  ): Promise<Response> => {
    const correlationId = nextCorrelationId
    nextCorrelationId = (nextCorrelationId + 1) & 0x7fffffff
    const frame = encodeRequest(api, { version, correlationId, clientId: settings.clientId, body })
    const answer = await transport.send(frame, correlationId, timeoutMs)
    try {
      return decodeResponse(api, version, answer).body
    } catch (error) {
      if (!(error instanceof MalformedFrame)) throw error
      transport.close(`its answer to ${api.name} makes no sense`)
      throw new BrokerUnavailable(`${address} answered ${api.name} with nonsense: ${error.message}`, error)
    }
  }
  const connection: Connection = {
    address,
    get isOpen() {
      return transport.isOpen
    },
    async call(api, body, { timeoutMs = defaultTimeoutMs } = {}) {
      const version = commonVersion(api, theirVersions.get(api.key))
      if (version === null) {
        throw new SetupError(`${address} does not speak a version of ${api.name} that is known here`)
      }
      try {
        const answer = await callVersion(api, version, body, timeoutMs)
        isProven = true
        return answer
      } catch (error) {
        throw isProven ? error : hinted(error, settings)
      }
    },
    close: () => transport.close(),
  }
  try {
    // Version 0 is understood by every broker, so there is nothing to fall back to.
    const versions = await callVersion(
      apiVersions,
      0,
      { clientSoftwareName: '', clientSoftwareVersion: '' },
      connectTimeoutMs,
    )
    if (versions.errorCode !== kafkaError.NONE) throw new KafkaError('ApiVersions', versions.errorCode)
    for (const { apiKey, ...range } of versions.apiKeys) theirVersions.set(apiKey, range)
    if (settings.sasl) await authenticate(connection, settings.sasl)
    return connection
  } catch (error) {
    transport.close()
    throw hinted(error, settings)
  }
}

/** A broker that wants TLS or a login just hangs up on whoever comes without. */
function hinted(error: unknown, { ssl, sasl }: KafkaSettings): unknown {
  const missing = [...(ssl ? [] : ['KAFKA_SSL']), ...(sasl ? [] : ['KAFKA_SASL_*'])]
  if (!(error instanceof BrokerUnavailable) || missing.length === 0) return error
  return new BrokerUnavailable(
    `${error.message} at the first request; does it want ${missing.join(' or ')}?`,
    error,
  )
}
