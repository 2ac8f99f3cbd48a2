import { createPublisher } from '../broker/index.ts'
import { createEventParser } from '../events/index.ts'
import { createProgressBar, replay } from '../producers/index.ts'
import { systemClock } from '../runtime/clock.ts'
import { reportToParent } from '../runtime/lifecycle.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { eventSettings, kafkaSettings, openRawStore, prepareTopics, reachKafka } from './wiring.ts'

/** Publishes what the raw store holds and the ledger does not; with --follow it keeps watching. */
export async function run(context: CommandContext): Promise<number> {
  const { config, flags, log, lifecycle, note } = context
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
        onCaughtUp: ({ events, deadLetters }) => reportToParent({ kind: 'caught-up', events, deadLetters }),
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

function count(value: number): string {
  return value.toLocaleString('en-US')
}
