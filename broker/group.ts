/**
 * Membership of a consumer group, and nothing else: who owns which partitions in which generation.
 *
 * kafkajs joins, heartbeats and rebalances, with every partition paused for ever; records, positions and commits never
 * go through it. Its fetch loop must turn all the same, for that is where it heartbeats: hence the short wait.
 *
 *   GROUP_JOIN -> (first HEARTBEAT of that generation) -> onAssigned -> ... -> REBALANCING | next GROUP_JOIN -> onRevoked
 *
 * kafkajs tells the generation only in HEARTBEAT events, so an assignment is announced with the first one: by then the
 * broker has also confirmed it.
 */
import type { ConsumerGroupJoinEvent, ConsumerHeartbeatEvent } from 'kafkajs'
import { systemClock } from '../runtime/clock.ts'
import type { AppError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { connectKafka, type KafkaSettings } from './client/index.ts'
import { createKafkaJs, isCoordinatorTrouble, translateKafkaJs } from './kafkajs-client.ts'

export interface GroupOptions {
  groupId: string
  topic: string
  /** A member not heard of for so long loses its partitions. */
  sessionTimeoutMs: number
  /** May be called with no partitions, when there are more members than partitions. Ascending order. */
  onAssigned(partitions: number[], generationId: number, memberId: string): void
  /** Called before every onAssigned but the first: nothing of the last assignment is owned any more. */
  onRevoked(): void
  /** The membership is over and does not come back; the process should end. */
  onCrash(error: unknown): void
  log: Logger
  /** Tries after the first, about half a minute with the default of 10, before a broker that is gone ends the membership. */
  retries?: number
}

export interface Membership {
  /** Of the last assignment announced; empty before the first. */
  readonly memberId: string
  /** Of the last assignment announced; -1 before the first. */
  readonly generationId: number
  /** Leaves the group, so that others take over at once. No callback is called from here on. */
  leave(): Promise<void>
}

const heartbeatIntervalMs = 1_000
const loopWaitMs = 200
const metadataMaxAgeMs = 30_000
const leaveTimeoutMs = 3_000
const maxJoins = 20
const rejoinWaitMs = 500

/**
 * Resolves once the group has been joined; `onAssigned` follows within about a second.
 * @throws {TopicMissing} @throws {BrokerUnavailable} @throws {SetupError} the login is refused
 */
export async function joinGroup(settings: KafkaSettings, options: GroupOptions): Promise<Membership> {
  await checkTopic(settings, options)
  for (let attempt = 1; ; attempt++) {
    try {
      return await joinOnce(settings, options)
    } catch (error) {
      // kafkajs gives up at once on a coordinator that is still loading, as it is just after a broker's start.
      if (!isCoordinatorTrouble(error) || attempt === maxJoins) throw error
      await systemClock.sleep(rejoinWaitMs)
    }
  }
}

/** kafkajs asks for a missing topic again and again for half a minute; our client knows at once, and says it better. */
async function checkTopic(settings: KafkaSettings, { topic, log }: GroupOptions): Promise<void> {
  const client = connectKafka(settings, { log, clock: systemClock })
  try {
    await client.partitions(topic)
  } finally {
    await client.close()
  }
}

async function joinOnce(settings: KafkaSettings, options: GroupOptions): Promise<Membership> {
  const { groupId, topic, sessionTimeoutMs, log, retries = 10 } = options
  const consumer = createKafkaJs(settings, { log, retries }).consumer({
    groupId,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: sessionTimeoutMs,
    heartbeatInterval: Math.min(heartbeatIntervalMs, Math.floor(sessionTimeoutMs / 3)),
    maxWaitTimeInMs: loopWaitMs,
    metadataMaxAge: metadataMaxAgeMs,
    allowAutoTopicCreation: false,
  })
  let announced = { memberId: '', generationId: -1 }
  let joined: { memberId: string; partitions: number[] } | null = null
  let assigned = false
  let over = false
  let starting = true
  let startError: AppError | null = null

  const crash = (error: unknown): void => {
    if (over) return
    over = true
    const translated = translateKafkaJs(error, settings)
    if (starting) startError = translated
    else options.onCrash(translated)
  }
  /** kafkajs would take a throw of ours for a failed join, and join again and again. */
  const guarded = (work: () => void): void => {
    if (over) return
    try {
      work()
    } catch (error) {
      crash(error)
    }
  }
  const revoke = (): void => {
    joined = null
    if (!assigned) return
    assigned = false
    options.onRevoked()
  }
  const onGroupJoin = ({ payload }: ConsumerGroupJoinEvent): void =>
    guarded(() => {
      // Synchronously, before the first fetch of this generation.
      consumer.pause([{ topic }])
      revoke()
      const partitions = (payload.memberAssignment[topic] ?? []).toSorted((a, b) => a - b)
      joined = { memberId: payload.memberId, partitions }
    })
  const onHeartbeat = ({ payload }: ConsumerHeartbeatEvent): void =>
    guarded(() => {
      const { memberId, groupGenerationId: generationId } = payload
      if (joined === null || memberId !== joined.memberId) return
      // A heartbeat of the generation before may be answered after the join.
      if (memberId === announced.memberId && generationId <= announced.generationId) return
      const { partitions } = joined
      joined = null
      announced = { memberId, generationId }
      assigned = true
      log.info('partitions assigned', { group: groupId, generationId, partitions })
      options.onAssigned(partitions, generationId, memberId)
    })

  const disconnect = async (): Promise<void> => {
    try {
      await consumer.disconnect()
    } catch (error) {
      // Whoever leaves a broker that is gone has left: its session ends by itself.
      log.debug('leaving the group failed', { error })
    }
  }

  consumer.on(consumer.events.GROUP_JOIN, onGroupJoin)
  consumer.on(consumer.events.HEARTBEAT, onHeartbeat)
  consumer.on(consumer.events.REBALANCING, () => guarded(revoke))
  consumer.on(consumer.events.CRASH, ({ payload }) => crash(payload.error))

  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ autoCommit: false, eachBatch: async () => {} })
  } catch (error) {
    crash(error)
  }
  starting = false
  if (startError !== null) {
    await disconnect()
    throw startError
  }

  return {
    get memberId() {
      return announced.memberId
    },
    get generationId() {
      return announced.generationId
    },
    async leave() {
      over = true
      let timer: NodeJS.Timeout | undefined
      // In the middle of a rebalance kafkajs first waits for it to end; the session timeout would settle that as well.
      const timeout = new Promise<void>((done) => {
        timer = setTimeout(done, leaveTimeoutMs)
      })
      await Promise.race([disconnect(), timeout]).finally(() => clearTimeout(timer))
    },
  }
}
