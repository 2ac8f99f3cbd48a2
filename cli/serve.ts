import { serveApi } from '../api/index.ts'
import { systemClock } from '../runtime/clock.ts'
import { aborted, reportToParent } from '../runtime/lifecycle.ts'
import { openTableForReading } from '../table/index.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { assertLoopback } from './home.ts'
import { openTableStore } from './wiring.ts'

/** The HTTP API; it reads the table only, so it answers while Kafka is away. */
export async function run({ config, flags, log, lifecycle, note }: CommandContext): Promise<number> {
  const { host, port } = config.http
  assertLoopback(host, flags.insecure === true)
  const store = await openTableStore(config)
  const server = await serveApi({
    host,
    port,
    openTable: () => openTableForReading({ store, log, clock: systemClock }),
    log,
  })
  note(`API on ${server.url}`)
  reportToParent({ kind: 'ready', url: server.url })
  await aborted(lifecycle.signal)
  await server.close()
  return exitCodes.done
}
