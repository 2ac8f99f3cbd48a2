import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { startBroker } from '../../broker/embedded/index.ts'
import { silentLogger } from '../../runtime/log.ts'
import type { BrokerUnderTest } from './broker-under-test.ts'
import { kafkaSuite } from './kafka-suite.ts'

describe('on the embedded broker', () => {
  let broker: BrokerUnderTest
  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'dataflow-broker-'))
    const { host, port, close } = await startBroker({ dir, port: 0, log: silentLogger })
    broker = {
      bootstrap: `${host}:${port}`,
      async close() {
        await close()
        await rm(dir, { recursive: true, force: true })
      },
    }
  })
  afterAll(() => broker?.close())

  kafkaSuite(() => broker, { transactions: false })
})
