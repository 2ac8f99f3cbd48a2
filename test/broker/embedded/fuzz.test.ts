import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findCoordinator } from '../../../broker/wire/index.ts'
import { connectRaw, type RawClient } from './raw-client.ts'
import { startTemporaryBroker, type TemporaryBroker } from './temporary-broker.ts'

let broker: TemporaryBroker
let bystander: RawClient

beforeAll(async () => {
  broker = await startTemporaryBroker()
  bystander = await connectRaw(broker)
})
afterAll(async () => {
  bystander.close()
  await broker.remove()
})

/** APIs that would wait for something: a random request may well be a valid one. */
const waiting = new Set([1, 11, 14])

it('outlives any bytes for any API and version, and no other client notices', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: -1, max: 50 }),
      fc.integer({ min: -1, max: 12 }),
      fc.uint8Array({ maxLength: 80 }),
      async (apiKey, version, body) => {
        const client = await connectRaw(broker)
        const frame = Buffer.alloc(4 + 10 + body.length)
        frame.writeInt32BE(10 + body.length, 0)
        frame.writeInt16BE(apiKey, 4)
        frame.writeInt16BE(version, 6)
        frame.writeInt16BE(-1, 12)
        frame.set(body, 14)

        const outcome = client.send(frame).then(
          () => 'answered',
          () => 'closed',
        )
        if (!waiting.has(apiKey)) expect(['answered', 'closed']).toContain(await outcome)

        const { errorCode } = await bystander.call(findCoordinator, { key: 'g', keyType: 0 })
        expect(errorCode).toBe(0)
        client.close()
      },
    ),
    { numRuns: 400 },
  )
})
