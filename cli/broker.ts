import { join } from 'node:path'
import { startBroker } from '../broker/embedded/index.ts'
import { SetupError } from '../runtime/errors.ts'
import { aborted, reportToParent } from '../runtime/lifecycle.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { portError, prepareFolder } from './home.ts'

const fsyncPolicies = ['interval', 'always', 'never'] as const

/** Serves until it is stopped; its data folder is all that it knows. */
export async function run({ config, flags, log, lifecycle, note }: CommandContext): Promise<number> {
  const dir = String(flags.data ?? join(config.home, 'broker'))
  const host = String(flags.listen ?? '127.0.0.1')
  const port = config.kafka.embeddedPort
  const fsync = fsyncPolicies.find((policy) => policy === (flags.fsync ?? 'interval'))
  if (!fsync) throw new SetupError(`--fsync ${flags.fsync}: must be ${fsyncPolicies.join(', ')}`)
  await prepareFolder(dir, flags.data === undefined ? 'DATAFLOW_HOME' : '--data')
  const broker = await startBroker({ dir, host, port, fsync, log, ...advertised(flags.advertise) }).catch(
    (error: Error) => {
      // The broker knows of no settings; the cause tells which one is meant.
      const cause =
        error.cause instanceof Error ? portError(error.cause, host, port, 'DATAFLOW_BROKER_PORT') : error
      throw cause instanceof SetupError ? cause : error
    },
  )
  note(`broker on ${broker.host}:${broker.port}, data in ${dir}, fsync ${fsync}`)
  reportToParent({ kind: 'ready', port: broker.port })
  await aborted(lifecycle.signal)
  await broker.close()
  return exitCodes.done
}

function advertised(flag: string | boolean | undefined): { advertise?: { host: string; port: number } } {
  if (flag === undefined) return {}
  const [, host, port] = /^(.+):(\d+)$/.exec(String(flag)) ?? []
  if (!host || !port) throw new SetupError(`--advertise ${flag}: must be HOST:PORT`)
  return { advertise: { host, port: Number(port) } }
}
