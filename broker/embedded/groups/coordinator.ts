import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import { kafkaError } from '../../wire/index.ts'
import type { CommittedOffsets } from '../disk/index.ts'
import { createGroup, type Group } from './group.ts'
import { type Caller, type JoinAnswer, type JoinRequest, joinError } from './member.ts'

/** All groups, and the clock that runs their sessions. */
export interface Coordinator {
  /** Groups that had a member since the start; others exist in the committed offsets only. */
  get(groupId: string): Group | undefined
  ids(): Iterable<string>
  join(request: JoinRequest, caller: Caller, needsMemberId: boolean): Promise<JoinAnswer>
  /** The error code of committing with these credentials; also for groups that never had members. */
  mayCommit(groupId: string, memberId: string, generation: number): number
  /** An error code: 68 while it has members, 69 when there is no such group. */
  delete(groupId: string): Promise<number>
  close(): Promise<void>
}

export interface CoordinatorOptions {
  offsets: CommittedOffsets
  clock: Clock
  log: Logger
  initialRebalanceDelayMs: number
  minSessionTimeoutMs: number
  maxSessionTimeoutMs: number
  /** Groups without members for so long lose their offsets. */
  offsetsRetentionMs: number
}

const idleMs = 60_000
/** Waking up so much later than planned means that the machine slept, not that every member died. */
const sleptMs = 5_000

export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { offsets, clock, log, initialRebalanceDelayMs } = options
  const groups = new Map<string, Group>()
  const startedMs = clock.nowMs()
  let alarm = new AbortController()
  let alarmAtMs = Number.POSITIVE_INFINITY
  let stopped = false

  const open = (groupId: string): Group => {
    const group = createGroup({
      lastGeneration: offsets.groups.get(groupId)?.generation ?? 0,
      initialRebalanceDelayMs,
      nowMs: clock.nowMs,
      persistGeneration: async (generation) => {
        try {
          await offsets.setGeneration(groupId, generation)
        } catch (error) {
          log.error('group generation not stored', { group: groupId, generation, error })
          throw error
        }
      },
    })
    groups.set(groupId, group)
    return group
  }
  const nextDeadlineMs = (): number => {
    let next = clock.nowMs() + idleMs
    for (const group of groups.values()) next = Math.min(next, group.nextDeadlineMs())
    return next
  }
  /** Heartbeats only ever move deadlines back, so only what may bring one forward needs this. */
  const resetAlarm = (): void => {
    if (nextDeadlineMs() < alarmAtMs) alarm.abort()
  }
  const expireOffsets = async (nowMs: number): Promise<void> => {
    for (const [groupId, stored] of offsets.groups) {
      const group = groups.get(groupId)
      if (group && group.members.size > 0) continue
      // A restart counts as a sign of life: members may be about to come back.
      let lastUsedMs = Math.max(startedMs, group?.emptySinceMs ?? 0)
      for (const partitions of stored.offsets.values()) {
        for (const { committedMs } of partitions.values()) lastUsedMs = Math.max(lastUsedMs, committedMs)
      }
      if (nowMs - lastUsedMs < options.offsetsRetentionMs) continue
      groups.delete(groupId)
      await offsets.deleteGroup(groupId)
      log.info('group expired', { group: groupId })
    }
  }
  const run = async (): Promise<void> => {
    while (!stopped) {
      alarm = new AbortController()
      alarmAtMs = nextDeadlineMs()
      await clock.sleep(Math.max(0, alarmAtMs - clock.nowMs()), alarm.signal)
      const nowMs = clock.nowMs()
      const slept = nowMs - alarmAtMs > sleptMs
      for (const [groupId, group] of groups) {
        if (slept) group.rearm()
        else group.expire(nowMs)
        // Only asked for, never joined: or made-up names would fill the memory.
        if (group.isIdle && !offsets.groups.has(groupId)) groups.delete(groupId)
      }
      await expireOffsets(nowMs).catch((error) => log.error('group expiry failed', { error }))
    }
  }
  const running = run()

  return {
    get: (groupId) => groups.get(groupId),
    ids: () => groups.keys(),

    async join(request, caller, needsMemberId) {
      const { groupId, memberId, sessionTimeoutMs } = request
      if (groupId === '') return joinError(kafkaError.INVALID_GROUP_ID, memberId)
      if (sessionTimeoutMs < options.minSessionTimeoutMs || sessionTimeoutMs > options.maxSessionTimeoutMs) {
        return joinError(kafkaError.INVALID_SESSION_TIMEOUT, memberId)
      }
      const existing = groups.get(groupId)
      if (!existing && memberId !== '') return joinError(kafkaError.UNKNOWN_MEMBER_ID, memberId)
      const answer = (existing ?? open(groupId)).join(request, caller, needsMemberId)
      resetAlarm()
      return answer
    },

    mayCommit(groupId, memberId, generation) {
      const group = groups.get(groupId)
      if (group) return group.mayCommit(memberId, generation)
      return generation < 0 ? kafkaError.NONE : kafkaError.ILLEGAL_GENERATION
    },

    async delete(groupId) {
      const group = groups.get(groupId)
      if (group && group.members.size > 0) return kafkaError.NON_EMPTY_GROUP
      if (!group && !offsets.groups.has(groupId)) return kafkaError.GROUP_ID_NOT_FOUND
      groups.delete(groupId)
      await offsets.deleteGroup(groupId)
      return kafkaError.NONE
    },

    async close() {
      stopped = true
      alarm.abort()
      for (const group of groups.values()) group.close()
      await running
    },
  }
}
