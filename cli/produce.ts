import { createPublisher } from '../broker/index.ts'
import { createEventParser } from '../events/index.ts'
import { fileInput, pipeInput, produce, produceDemo } from '../producers/index.ts'
import { systemClock } from '../runtime/clock.ts'
import { SetupError } from '../runtime/errors.ts'
import { createEventGenerator } from '../samples/generator.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { numberFlag } from './number-flag.ts'
import { eventSettings, kafkaSettings, prepareTopics, reachKafka } from './wiring.ts'

/** Events from files, stdin or the generator to the topic. Lines that are no event become dead letters. */
export async function run(context: CommandContext): Promise<number> {
  const { config, flags, positionals, log, lifecycle, note } = context
  const { topic } = config.kafka
  const { encoding } = config.events
  const eventsPerSecond = numberFlag(flags, 'rate', { min: 0.01, max: 1_000_000 }) ?? 50
  const maxEvents = numberFlag(flags, 'max-messages', { min: 1 })
  if (!flags.demo && (flags.rate !== undefined || maxEvents !== undefined))
    throw new SetupError('--rate and --max-messages are about generated events: add --demo')
  if (flags.demo && positionals.length > 0)
    throw new SetupError('--demo makes its own events: leave out the files')
  const parser = createEventParser(eventSettings(config))
  const client = await reachKafka(context)
  const openPublisher = (name: string) =>
    createPublisher(kafkaSettings(config), { topic: name, log, clock: systemClock })
  const parts = { client, openPublisher, clock: systemClock, signal: lifecycle.signal }
  try {
    await prepareTopics(config, log)
    if (flags.demo) {
      const generator = createEventGenerator(Date.now())
      note(`publishing ${eventsPerSecond} generated events a second to ${topic}; Ctrl-C stops`)
      const sent = await produceDemo(
        { ...parts, nextEvent: (nowMs) => generator.next(nowMs), log },
        { topic, encoding, eventsPerSecond, ...(maxEvents !== undefined && { maxEvents }) },
      )
      note(`${sent.toLocaleString('en-US')} events published`)
      return exitCodes.done
    }
    if (positionals.length === 0 && process.stdin.isTTY) note('one JSON object a line; Ctrl-D ends')
    const inputs = positionals.length > 0 ? positionals.map(fileInput) : [pipeInput(process.stdin)]
    const { events, deadLetters } = await produce(inputs, { ...parts, parser }, { topic, encoding })
    note(
      `${events.toLocaleString('en-US')} events published, ${deadLetters.toLocaleString('en-US')} dead letters`,
    )
    return exitCodes.done
  } finally {
    await client.close()
  }
}
