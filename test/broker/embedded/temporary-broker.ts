import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Broker, type BrokerOptions, startBroker } from '../../../broker/embedded/index.ts'
import { silentLogger } from '../../../runtime/log.ts'

export interface TemporaryBroker extends Broker {
  readonly address: string
  readonly dir: string
  /** Closes the broker and removes its directory. */
  remove(): Promise<void>
}

/** A broker on a free port and in a new directory, unless told otherwise. */
export async function startTemporaryBroker(options: Partial<BrokerOptions> = {}): Promise<TemporaryBroker> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'dataflow-broker-')))
  const broker = await startBroker({
    port: 0,
    log: silentLogger,
    initialRebalanceDelayMs: 20,
    ...options,
    dir,
  })
  return {
    ...broker,
    dir,
    address: `${broker.host}:${broker.port}`,
    async remove() {
      await broker.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
