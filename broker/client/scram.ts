/**
 * SCRAM (RFC 5802, RFC 7677) as a client without channel binding: proves the password without sending it, and makes
 * the server prove that it knows it too. Pure: messages in, messages out.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { SetupError } from '../../runtime/errors.ts'

export interface ScramExchange {
  firstMessage: string
  /** @throws {SetupError} when the server's nonce does not extend ours or it asks for a careless iteration count */
  finalMessage(serverFirst: string): string
  /** @throws {SetupError} when the login was refused or the server does not know the password itself */
  verify(serverFinal: string): void
}

export interface ScramOptions {
  hash: 'sha256' | 'sha512'
  username: string
  password: string
  /** Fresh random text without commas, for every exchange. */
  nonce: string
}

// RFC 7677 asks for at least 4096; an absurd count would block this process for minutes.
const minIterations = 4096
const maxIterations = 1_000_000
// base64 of "n,,": no channel binding.
const channelBinding = 'c=biws'

export function createScramExchange({ hash, username, password, nonce }: ScramOptions): ScramExchange {
  const firstBare = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  let expectedServerSignature: Buffer | null = null
  const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest()

  return {
    firstMessage: `n,,${firstBare}`,
    finalMessage(serverFirst) {
      const fields = parseFields(serverFirst)
      const serverNonce = fields.get('r') ?? ''
      const iterations = Number(fields.get('i'))
      const salt = Buffer.from(fields.get('s') ?? '', 'base64')
      if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length) {
        throw new SetupError('the Kafka login failed: the server answered for another exchange')
      }
      if (!(iterations >= minIterations && iterations <= maxIterations)) {
        throw new SetupError(
          `the Kafka login failed: the server asks for ${iterations} iterations, expected ${minIterations} to ${maxIterations}`,
        )
      }
      const bytes = hash === 'sha256' ? 32 : 64
      const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, bytes, hash)
      const clientKey = hmac(salted, 'Client Key')
      const storedKey = createHash(hash).update(clientKey).digest()
      const withoutProof = `${channelBinding},r=${serverNonce}`
      const authMessage = `${firstBare},${serverFirst},${withoutProof}`
      const signature = hmac(storedKey, authMessage)
      const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))
      expectedServerSignature = hmac(hmac(salted, 'Server Key'), authMessage)
      return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`
    },
    verify(serverFinal) {
      const fields = parseFields(serverFinal)
      const refusal = fields.get('e')
      if (refusal !== undefined) throw new SetupError(`Kafka refused the login: ${refusal}`)
      const signature = Buffer.from(fields.get('v') ?? '', 'base64')
      const known =
        expectedServerSignature !== null &&
        signature.length === expectedServerSignature.length &&
        timingSafeEqual(signature, expectedServerSignature)
      if (!known)
        throw new SetupError('the Kafka login failed: the server did not prove that it knows the password')
    },
  }
}

function parseFields(message: string): Map<string, string> {
  return new Map(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]))
}
