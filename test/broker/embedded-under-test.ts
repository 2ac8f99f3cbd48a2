import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { startBroker } from '../../broker/embedded/index.ts'
import { silentLogger } from '../../runtime/log.ts'
import type { BrokerUnderTest, GetBroker } from './broker-under-test.ts'

/** An embedded broker in a directory of its own, for the tests of the calling suite. */
export function useEmbeddedBroker(): GetBroker {
  let broker: BrokerUnderTest | null = null
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
  return () => {
    if (broker === null) throw new Error('the broker runs only while tests do')
    return broker
  }
}
