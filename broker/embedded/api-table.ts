import {
  apiVersions,
  encodeResponse,
  kafkaError,
  MalformedFrame,
  produce,
  type RequestHeader,
} from '../wire/index.ts'
import { type Endpoint, endpoint, type RequestContext } from './endpoint.ts'

/** Finds what answers a request, and tells clients what there is. */
export interface ApiTable {
  /** Rejects with {MalformedFrame} for an API or a version that was not advertised. */
  serve(
    frame: Buffer,
    bodyAt: number,
    header: RequestHeader,
    context: RequestContext,
  ): Promise<Buffer[] | null>
}

/**
 * librdkafka asks "is Produce 0 supported?" to decide whether it may compress, and silently does not when told no
 * (KAFKA-18659). Apache Kafka 4 says 0 for the same reason, and like us does not serve versions below 3.
 */
const advertisedProduceMin = 0

export function createApiTable(endpoints: readonly Endpoint[]): ApiTable {
  const apiKeys = [...endpoints, apiVersions]
    .sort((a, b) => a.key - b.key)
    .map(({ key, minVersion, maxVersion }) => ({
      apiKey: key,
      minVersion: key === produce.key ? advertisedProduceMin : minVersion,
      maxVersion,
    }))
  const versions = endpoint(apiVersions, () => ({ errorCode: kafkaError.NONE, apiKeys, throttleTimeMs: 0 }))
  const byKey = new Map([...endpoints, versions].map((each) => [each.key, each]))
  return {
    async serve(frame, bodyAt, header, context) {
      const { apiKey, apiVersion } = header
      const found = byKey.get(apiKey)
      if (found && apiVersion >= found.minVersion && apiVersion <= found.maxVersion) {
        return found.serve(frame, bodyAt, header, context)
      }
      if (apiKey === apiVersions.key) return tooNew(header.correlationId)
      throw new MalformedFrame(`API ${found?.name ?? apiKey} version ${apiVersion} is not served here`)
    },
  }
}

/**
 * The one API where an unknown version is answered: in the body of version 0, which every client can read, naming
 * the versions to try instead.
 */
function tooNew(correlationId: number): Buffer[] {
  const { key: apiKey, minVersion, maxVersion } = apiVersions
  return encodeResponse(apiVersions, {
    version: 0,
    correlationId,
    body: {
      errorCode: kafkaError.UNSUPPORTED_VERSION,
      apiKeys: [{ apiKey, minVersion, maxVersion }],
      throttleTimeMs: 0,
    },
  })
}
