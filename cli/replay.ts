import { createPublisher } from '../broker/index.ts'
import { createEventParser } from '../events/index.ts'
import { createProgressBar, replay } from '../producers/index.ts'
import { systemClock } from '../runtime/clock.ts'
import { reportToParent } from '../runtime/lifecycle.ts'
import type { Logger } from '../runtime/log.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { eventSettings, kafkaSettings, openRawStore, prepareTopics, reachKafka } from './wiring.ts'

/** Publishes what the raw store holds and the ledger does not; with --follow it keeps watching. */
export async function run(context: CommandContext): Promise<number> {
  const { config, flags, lifecycle, note } = context
  const log = reportingCaughtUp(context.log)
  const settings = eventSettings(config)
  const store = await openRawStore(config)
  const client = await reachKafka(context)
  try {
    await prepareTopics(config, log)
    reportToParent({ kind: 'ready' })
    const summary = await replay(
      {
        store,
        client,
        openPublisher: (topic) => createPublisher(kafkaSettings(config), { topic, log, clock: systemClock }),
        parser: createEventParser(settings),
        progress: createProgressBar({ terminal: process.stderr, clock: systemClock }),
        log,
        clock: systemClock,
        signal: lifecycle.signal,
      },
      {
        topic: config.kafka.topic,
        encoding: config.events.encoding,
        parsing: JSON.stringify([config.events.map, config.events.timezone]),
        follow: flags.follow === true,
      },
    )
    const { objects, lines, events, deadLetters } = summary
    note(
      `${count(objects)} files, ${count(lines)} lines: ${count(events)} events published, ${count(deadLetters)} dead letters`,
    )
    return exitCodes.done
  } finally {
    await client.close()
  }
}

/** `up` waits for the first time that nothing is left to replay; the log line of that moment is where it is known. */
function reportingCaughtUp(log: Logger): Logger {
  return {
    ...log,
    info(message, fields) {
      log.info(message, fields)
      if (message === 'replay caught up') reportToParent({ kind: 'caught-up', ...fields })
    },
  }
}

function count(value: number): string {
  return value.toLocaleString('en-US')
}
