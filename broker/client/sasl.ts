/** Logs in on a fresh connection: SaslHandshake names the mechanism, SaslAuthenticate carries its messages. */
import { randomBytes } from 'node:crypto'
import { SetupError } from '../../runtime/errors.ts'
import { kafkaError, kafkaErrorName, saslAuthenticate, saslHandshake } from '../wire/index.ts'
import type { Connection } from './connection.ts'
import { KafkaError } from './errors.ts'
import { createScramExchange } from './scram.ts'
import type { SaslSettings } from './settings.ts'

/** @throws {SetupError} when the broker refuses the mechanism or the login */
export async function authenticate(connection: Connection, sasl: SaslSettings): Promise<void> {
  const mechanism = sasl.mechanism.toUpperCase()
  const handshake = await connection.call(saslHandshake, { mechanism })
  if (handshake.errorCode === kafkaError.UNSUPPORTED_SASL_MECHANISM) {
    throw new SetupError(
      `${connection.address} does not take ${mechanism}; set KAFKA_SASL_MECHANISM to one of: ${handshake.mechanisms.join(', ').toLowerCase()}`,
    )
  }
  if (handshake.errorCode === kafkaError.ILLEGAL_SASL_STATE) {
    throw new SetupError(`${connection.address} asks for no login: leave KAFKA_SASL_* unset`)
  }
  if (handshake.errorCode !== kafkaError.NONE) throw new KafkaError('SASL handshake', handshake.errorCode)

  if (sasl.mechanism === 'plain') {
    await exchange(connection, `\0${sasl.username}\0${sasl.password}`)
    return
  }
  const scram = createScramExchange({
    hash: sasl.mechanism === 'scram-sha-256' ? 'sha256' : 'sha512',
    username: sasl.username,
    password: sasl.password,
    nonce: randomBytes(18).toString('base64'),
  })
  const serverFirst = await exchange(connection, scram.firstMessage)
  scram.verify(await exchange(connection, scram.finalMessage(serverFirst)))
}

async function exchange(connection: Connection, message: string): Promise<string> {
  const answer = await connection.call(saslAuthenticate, { authBytes: Buffer.from(message) })
  if (answer.errorCode !== kafkaError.NONE) {
    const why = answer.errorMessage ?? kafkaErrorName(answer.errorCode)
    throw new SetupError(`${connection.address} refused the login (${why}). Check KAFKA_SASL_*.`)
  }
  return Buffer.from(answer.authBytes).toString()
}
