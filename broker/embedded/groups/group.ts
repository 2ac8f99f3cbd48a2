import { randomUUID } from 'node:crypto'
import { kafkaError } from '../../wire/index.ts'
import {
  type Caller,
  commonProtocols,
  electProtocol,
  type JoinAnswer,
  type JoinRequest,
  joinError,
  type Member,
  noAssignment,
  type Protocol,
  type SyncAnswer,
  type SyncRequest,
  sameProtocols,
  syncAnswer,
} from './member.ts'

/**
 * One consumer group of the classic protocol. Every method runs in one tick; what has to wait is parked.
 *
 *   Empty --join--> PreparingRebalance --all are here--> CompletingRebalance --leader's sync--> Stable
 *                          ^                                      |                               |
 *                          +------------ join, leave, expiry -----+-------------------------------+
 */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

export interface GroupOptions {
  /** Generations go on from here, so that a member from before a restart matches none. */
  lastGeneration: number
  initialRebalanceDelayMs: number
  nowMs: () => number
  /** Called with each new generation, before any member hears of it. */
  persistGeneration: (generation: number) => Promise<void>
}

export interface Group {
  readonly state: GroupState
  readonly generation: number
  readonly protocolType: string
  readonly protocolName: string
  readonly members: ReadonlyMap<string, Member>
  /** True when it holds nothing that is not stored: it can be forgotten. */
  readonly isIdle: boolean
  /** Since when there are no members; null while there are some. */
  readonly emptySinceMs: number | null
  /** `needsMemberId`: a newcomer is first told its id, and joins when it comes back with it (KIP-394). */
  join(request: JoinRequest, caller: Caller, needsMemberId: boolean): Promise<JoinAnswer>
  sync(request: SyncRequest): Promise<SyncAnswer>
  /** The error code; also what a commit must pass, which then counts as a sign of life. */
  heartbeat(memberId: string, generation: number): number
  mayCommit(memberId: string, generation: number): number
  leave(memberId: string): number
  /** Removes members that were silent too long and ends a rebalance that waited long enough. */
  expire(nowMs: number): void
  /** When `expire` next has something to do. */
  nextDeadlineMs(): number
  /** After the process was asleep: everybody gets a full session again. */
  rearm(): void
  /** Answers all that is parked; members will join again after the restart. */
  close(): void
}

export function createGroup(options: GroupOptions): Group {
  const { nowMs, initialRebalanceDelayMs, persistGeneration } = options
  const members = new Map<string, Member>()
  /** Ids handed out but not yet used, with the time they lapse. */
  const pending = new Map<string, number>()
  let state: GroupState = 'Empty'
  let generation = options.lastGeneration
  let protocolType = ''
  let protocolName = ''
  let leaderId = ''
  let emptySinceMs: number | null = nowMs()
  let rebalanceStartedMs = 0
  /** A first rebalance waits until then for more members. */
  let readyAtMs = 0
  /** In PreparingRebalance who has not joined by then is out; in CompletingRebalance who has not synced. */
  let deadlineMs = Number.POSITIVE_INFINITY

  const protocolsOf = (): Protocol[][] => [...members.values()].map(({ protocols }) => protocols)
  const longestRebalanceMs = (): number =>
    Math.max(0, ...[...members.values()].map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs))
  const alive = (member: Member): void => {
    member.expiresAtMs = nowMs() + member.sessionTimeoutMs
  }

  const joinAnswer = (member: Member): JoinAnswer => ({
    throttleTimeMs: 0,
    errorCode: kafkaError.NONE,
    generationId: generation,
    protocolName,
    leader: leaderId,
    memberId: member.id,
    members: member.id === leaderId ? [...members.values()].map(metadataOf) : [],
  })
  const metadataOf = ({ id, protocols }: Member): JoinAnswer['members'][number] => ({
    memberId: id,
    groupInstanceId: null,
    metadata: protocols.find(({ name }) => name === protocolName)?.metadata ?? noAssignment,
  })

  const rebalance = (): void => {
    const wasEmpty = state === 'Empty'
    for (const member of members.values()) answerSync(member, syncAnswer(kafkaError.REBALANCE_IN_PROGRESS))
    state = 'PreparingRebalance'
    rebalanceStartedMs = nowMs()
    readyAtMs = wasEmpty ? rebalanceStartedMs + initialRebalanceDelayMs : 0
    completeIfAllAreHere()
  }

  const allAreHere = (): boolean =>
    pending.size === 0 && [...members.values()].every(({ parkedJoin }) => parkedJoin !== null)

  const completeIfAllAreHere = (): void => {
    if (state !== 'PreparingRebalance') return
    deadlineMs = rebalanceStartedMs + longestRebalanceMs()
    if (members.size === 0) becomeEmpty()
    else if (allAreHere() && nowMs() >= readyAtMs) complete()
  }

  const becomeEmpty = (): void => {
    state = 'Empty'
    emptySinceMs = nowMs()
    protocolName = ''
    leaderId = ''
    deadlineMs = Number.POSITIVE_INFINITY
    generation++
    // Nobody waits for this one; should it be lost, the next generation is persisted before it is used.
    persistGeneration(generation).catch(() => {})
  }

  const complete = (): void => {
    if (!members.has(leaderId)) leaderId = members.keys().next().value ?? ''
    generation++
    protocolName = electProtocol(protocolsOf())
    state = 'CompletingRebalance'
    deadlineMs = nowMs() + longestRebalanceMs()
    const joined: { id: string; answer: JoinAnswer; reply: Member['parkedJoin'] }[] = []
    for (const member of members.values()) {
      joined.push({ id: member.id, answer: joinAnswer(member), reply: member.parkedJoin })
      member.assignment = noAssignment
      member.parkedJoin = null
      alive(member)
    }
    persistGeneration(generation).then(
      () => {
        for (const { answer, reply } of joined) reply?.(answer)
      },
      () => {
        for (const { id, reply } of joined) {
          reply?.(joinError(kafkaError.UNKNOWN_SERVER_ERROR, id))
          const member = members.get(id)
          if (member) remove(member, kafkaError.UNKNOWN_SERVER_ERROR)
        }
      },
    )
  }

  const update = (member: Member, request: JoinRequest): void => {
    member.protocols = request.protocols
    member.sessionTimeoutMs = request.sessionTimeoutMs
    member.rebalanceTimeoutMs = rebalanceTimeoutOf(request)
    alive(member)
  }

  const park = (member: Member): Promise<JoinAnswer> => {
    // The same member asking again: its first request has lost its reader.
    member.parkedJoin?.(joinError(kafkaError.UNKNOWN_MEMBER_ID, member.id))
    return new Promise((resolve) => {
      member.parkedJoin = resolve
    })
  }

  const admit = (id: string, request: JoinRequest, caller: Caller): Promise<JoinAnswer> => {
    const member: Member = {
      id,
      ...caller,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: rebalanceTimeoutOf(request),
      protocols: request.protocols,
      assignment: noAssignment,
      parkedJoin: null,
      parkedSync: null,
      expiresAtMs: 0,
    }
    alive(member)
    const answer = park(member)
    if (members.size === 0) protocolType = request.protocolType
    emptySinceMs = null
    members.set(id, member)
    if (state !== 'PreparingRebalance') rebalance()
    else if (readyAtMs > nowMs()) extendInitialDelay()
    completeIfAllAreHere()
    return answer
  }

  const extendInitialDelay = (): void => {
    const latest = rebalanceStartedMs + longestRebalanceMs()
    readyAtMs = Math.min(nowMs() + initialRebalanceDelayMs, latest)
  }

  const remove = (member: Member, errorCode: number): void => {
    members.delete(member.id)
    member.parkedJoin?.(joinError(errorCode, member.id))
    member.parkedJoin = null
    answerSync(member, syncAnswer(errorCode))
    if (leaderId === member.id) leaderId = members.keys().next().value ?? ''
    if (state === 'PreparingRebalance') completeIfAllAreHere()
    else rebalance()
  }

  const memberError = (memberId: string, wanted: number): number => {
    const member = members.get(memberId)
    if (!member) return kafkaError.UNKNOWN_MEMBER_ID
    if (wanted !== generation) return kafkaError.ILLEGAL_GENERATION
    alive(member)
    return kafkaError.NONE
  }

  const rejoin = (member: Member, request: JoinRequest): Promise<JoinAnswer> => {
    const changed = !sameProtocols(member.protocols, request.protocols)
    // Its answer got lost, or it asks once more for what has not changed.
    const current =
      !changed && (state === 'CompletingRebalance' || (state === 'Stable' && member.id !== leaderId))
    update(member, request)
    if (current) return Promise.resolve(joinAnswer(member))
    const answer = park(member)
    if (state === 'PreparingRebalance') completeIfAllAreHere()
    else rebalance()
    return answer
  }

  return {
    get state() {
      return state
    },
    get generation() {
      return generation
    },
    get protocolType() {
      return protocolType
    },
    get protocolName() {
      return protocolName
    },
    get emptySinceMs() {
      return emptySinceMs
    },
    get isIdle() {
      return members.size === 0 && pending.size === 0
    },
    members,

    async join(request, caller, needsMemberId) {
      const { memberId } = request
      const others = [...members.values()].filter(({ id }) => id !== memberId).map((each) => each.protocols)
      const fits =
        request.protocolType !== '' &&
        (members.size === 0 || request.protocolType === protocolType) &&
        commonProtocols([request.protocols, ...others]).length > 0
      if (!fits) return joinError(kafkaError.INCONSISTENT_GROUP_PROTOCOL, memberId)
      if (memberId === '') {
        const id = `${caller.clientId}-${randomUUID()}`
        if (!needsMemberId) return admit(id, request, caller)
        pending.set(id, nowMs() + request.sessionTimeoutMs)
        return joinError(kafkaError.MEMBER_ID_REQUIRED, id)
      }
      if (pending.delete(memberId)) return admit(memberId, request, caller)
      const member = members.get(memberId)
      return member ? rejoin(member, request) : joinError(kafkaError.UNKNOWN_MEMBER_ID, memberId)
    },

    async sync({ memberId, generationId, assignments }) {
      const errorCode = memberError(memberId, generationId)
      const member = members.get(memberId)
      if (errorCode !== kafkaError.NONE || !member) return syncAnswer(errorCode)
      if (state === 'Stable') return syncAnswer(kafkaError.NONE, member.assignment)
      if (state !== 'CompletingRebalance') return syncAnswer(kafkaError.REBALANCE_IN_PROGRESS)
      answerSync(member, syncAnswer(kafkaError.REBALANCE_IN_PROGRESS))
      const answer = new Promise<SyncAnswer>((resolve) => {
        member.parkedSync = resolve
      })
      if (memberId === leaderId) {
        for (const each of assignments) {
          const target = members.get(each.memberId)
          // Kept for as long as the generation lasts, so not as a view into the request.
          if (target) target.assignment = Uint8Array.from(each.assignment)
        }
        state = 'Stable'
        for (const each of members.values()) {
          if (each.parkedSync) alive(each)
          answerSync(each, syncAnswer(kafkaError.NONE, each.assignment))
        }
      }
      return answer
    },

    heartbeat(memberId, wanted) {
      const errorCode = memberError(memberId, wanted)
      if (errorCode !== kafkaError.NONE) return errorCode
      return state === 'PreparingRebalance' ? kafkaError.REBALANCE_IN_PROGRESS : kafkaError.NONE
    },

    mayCommit(memberId, wanted) {
      if (wanted < 0) return members.size === 0 ? kafkaError.NONE : kafkaError.UNKNOWN_MEMBER_ID
      const errorCode = memberError(memberId, wanted)
      if (errorCode !== kafkaError.NONE) return errorCode
      return state === 'CompletingRebalance' ? kafkaError.REBALANCE_IN_PROGRESS : kafkaError.NONE
    },

    leave(memberId) {
      const member = members.get(memberId)
      if (member) remove(member, kafkaError.UNKNOWN_MEMBER_ID)
      else if (pending.delete(memberId)) completeIfAllAreHere()
      else return kafkaError.UNKNOWN_MEMBER_ID
      return kafkaError.NONE
    },

    expire(now) {
      for (const [id, lapsesAtMs] of pending) if (now >= lapsesAtMs) pending.delete(id)
      for (const member of [...members.values()]) {
        const isParked = member.parkedJoin !== null || member.parkedSync !== null
        if (!isParked && now >= member.expiresAtMs) remove(member, kafkaError.UNKNOWN_MEMBER_ID)
      }
      if (now >= deadlineMs && (state === 'PreparingRebalance' || state === 'CompletingRebalance')) {
        const awaited = state === 'PreparingRebalance' ? 'parkedJoin' : 'parkedSync'
        // Chosen before the first removal, which may answer what the others have parked.
        const missing = [...members.values()].filter((member) => member[awaited] === null)
        pending.clear()
        for (const member of missing) remove(member, kafkaError.UNKNOWN_MEMBER_ID)
      }
      // Stable comes with the leader's sync; who has not fetched its assignment by then is held by its session only.
      if (state === 'Stable') deadlineMs = Number.POSITIVE_INFINITY
      completeIfAllAreHere()
    },

    nextDeadlineMs() {
      let next = state === 'Stable' || state === 'Empty' ? Number.POSITIVE_INFINITY : deadlineMs
      // Also when that time has just come: `expire` has yet to act on it.
      if (state === 'PreparingRebalance' && allAreHere()) next = Math.min(next, readyAtMs)
      for (const lapsesAtMs of pending.values()) next = Math.min(next, lapsesAtMs)
      for (const member of members.values()) {
        const isParked = member.parkedJoin !== null || member.parkedSync !== null
        if (!isParked) next = Math.min(next, member.expiresAtMs)
      }
      return next
    },

    rearm() {
      for (const member of members.values()) alive(member)
      for (const id of pending.keys()) pending.set(id, nowMs() + 10_000)
      rebalanceStartedMs = nowMs()
      if (Number.isFinite(deadlineMs)) deadlineMs = rebalanceStartedMs + longestRebalanceMs()
    },

    close() {
      for (const member of members.values()) {
        member.parkedJoin?.(joinError(kafkaError.UNKNOWN_MEMBER_ID, member.id))
        member.parkedJoin = null
        answerSync(member, syncAnswer(kafkaError.UNKNOWN_MEMBER_ID))
      }
    },
  }
}

function answerSync(member: Member, answer: SyncAnswer): void {
  member.parkedSync?.(answer)
  member.parkedSync = null
}

/** Version 0 has no rebalance timeout. */
function rebalanceTimeoutOf({ rebalanceTimeoutMs, sessionTimeoutMs }: JoinRequest): number {
  return rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs
}
