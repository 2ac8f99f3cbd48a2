import { kafkaError, saslHandshake } from '../../wire/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'

/** A plaintext listener knows no mechanism, and says so as Kafka does. */
export function saslEndpoint(): Endpoint {
  return endpoint(saslHandshake, () => ({ errorCode: kafkaError.ILLEGAL_SASL_STATE, mechanisms: [] }))
}
