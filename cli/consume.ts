import { once } from 'node:events'
import { createEventDecoder } from '../events/index.ts'
import { consume } from '../producers/index.ts'
import { systemClock } from '../runtime/clock.ts'
import { SetupError } from '../runtime/errors.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { numberFlag } from './number-flag.ts'
import { eventSettings, reachKafka } from './wiring.ts'

/** Prints events as JSON lines; it is in no consumer group, so it takes nothing from the processors. */
export async function run(context: CommandContext): Promise<number> {
  const { config, flags, log, lifecycle } = context
  const partition = numberFlag(flags, 'partition', { whole: true })
  const offset = numberFlag(flags, 'offset', { whole: true })
  const maxMessages = numberFlag(flags, 'max-messages', { min: 1, whole: true })
  if (offset !== undefined && partition === undefined)
    throw new SetupError('--offset wants --partition: an offset is a place in one partition')
  const decoder = createEventDecoder(eventSettings(config))
  const client = await reachKafka(context)
  try {
    await consume(
      {
        client,
        decoder,
        write: async (lines) => {
          if (!process.stdout.write(lines)) await once(process.stdout, 'drain')
        },
        log,
        clock: systemClock,
        signal: lifecycle.signal,
      },
      {
        topic: config.kafka.topic,
        fromBeginning: flags['from-beginning'] === true,
        ...(partition !== undefined && { partition }),
        ...(offset !== undefined && { offset }),
        ...(maxMessages !== undefined && { maxMessages }),
      },
    )
    return exitCodes.done
  } finally {
    await client.close()
  }
}
