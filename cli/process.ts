import {
  createDeadLetters,
  createPublisher,
  createRecordCursor,
  deadLetterTopic,
  joinGroup,
} from '../broker/index.ts'
import { createProjection } from '../events/index.ts'
import { createAggregate, runProcessor } from '../processors/index.ts'
import { systemClock } from '../runtime/clock.ts'
import { reportToParent } from '../runtime/lifecycle.ts'
import { openTable } from '../table/index.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import {
  eventSettings,
  kafkaSettings,
  openWritableTableStore,
  prepareTopics,
  reachKafka,
  tableBinding,
} from './wiring.ts'

/** A member that is silent for this long loses its partitions to the others. */
const sessionTimeoutMs = 6_000

/** One member of the consumer group, from its partitions to the table. */
export async function run(context: CommandContext): Promise<number> {
  const { config, log, lifecycle } = context
  const { topic, groupId } = config.kafka
  const settings = eventSettings(config)
  const store = await openWritableTableStore(config)
  const client = await reachKafka(context)
  try {
    await prepareTopics(config, log)
    const binding = tableBinding(config, await client.clusterId())
    const table = await openTable({ store, binding, log, clock: systemClock })
    try {
      await runProcessor(
        {
          group: groupId,
          topic,
          startAt: 'earliest',
          sessionTimeoutMs,
          idleTimeoutMs: config.windows.idleTimeoutMs,
          shutdownTimeoutMs: 15_000,
          flush: { intervalMs: config.flushIntervalMs, maxGroups: 200_000, maxBytes: 64 * 1024 * 1024 },
          fetch: { maxBytes: 4 * 1024 * 1024, maxWaitMs: 250, isolation: 'read_committed' },
        },
        {
          kafka: client,
          table,
          projection: createProjection(settings),
          cursor: createRecordCursor(),
          createAggregate: (resumeWatermarkMs) =>
            createAggregate({
              windowMs: config.windows.sizeMs,
              allowedLatenessMs: config.windows.allowedLatenessMs,
              resumeWatermarkMs,
              dimensionCount: settings.dimensions.length,
            }),
          openDeadLetters: async () =>
            createDeadLetters(
              await createPublisher(kafkaSettings(config), {
                topic: deadLetterTopic(topic),
                log,
                clock: systemClock,
              }),
            ),
          join: async (callbacks) => {
            const membership = await joinGroup(kafkaSettings(config), {
              groupId,
              topic,
              sessionTimeoutMs,
              ...callbacks,
              log,
            })
            reportToParent({ kind: 'ready' })
            return membership
          },
          log,
          clock: systemClock,
        },
        lifecycle.signal,
      )
    } finally {
      await table.close()
    }
    return exitCodes.done
  } finally {
    await client.close()
  }
}
