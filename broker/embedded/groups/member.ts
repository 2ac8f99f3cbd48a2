import type { joinGroup, syncGroup, TypeOf } from '../../wire/index.ts'

export type JoinRequest = TypeOf<(typeof joinGroup)['request']>
export type JoinAnswer = TypeOf<(typeof joinGroup)['response']>
export type SyncRequest = TypeOf<(typeof syncGroup)['request']>
export type SyncAnswer = TypeOf<(typeof syncGroup)['response']>
export type Protocol = JoinRequest['protocols'][number]

/** Who asks, beside what the request says. */
export interface Caller {
  clientId: string
  clientHost: string
}

export interface Member {
  readonly id: string
  readonly clientId: string
  readonly clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  /** Most preferred first. */
  protocols: Protocol[]
  assignment: Uint8Array
  /** Set while its JoinGroup or SyncGroup waits for the others; it then counts as alive. */
  parkedJoin: ((answer: JoinAnswer) => void) | null
  parkedSync: ((answer: SyncAnswer) => void) | null
  /** Removed when silent until then. */
  expiresAtMs: number
}

export const noAssignment = new Uint8Array(0)

export function joinError(errorCode: number, memberId: string): JoinAnswer {
  return {
    throttleTimeMs: 0,
    errorCode,
    generationId: -1,
    protocolName: '',
    leader: '',
    memberId,
    members: [],
  }
}

export function syncAnswer(errorCode: number, assignment: Uint8Array = noAssignment): SyncAnswer {
  return { throttleTimeMs: 0, errorCode, assignment }
}

export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, index) => {
      const other = b[index]
      return other?.name === name && Buffer.compare(metadata, other.metadata) === 0
    })
  )
}

/** Names that every one of the members supports, in the first one's order. */
export function commonProtocols(members: readonly (readonly Protocol[])[]): string[] {
  const [first = [], ...rest] = members
  return first
    .map(({ name }) => name)
    .filter((name) => rest.every((protocols) => protocols.some((protocol) => protocol.name === name)))
}

/** Each member votes for the first it lists that all support; most votes win, the earlier one among equals. */
export function electProtocol(members: readonly (readonly Protocol[])[]): string {
  const votes = new Map(commonProtocols(members).map((name) => [name, 0]))
  for (const protocols of members) {
    const choice = protocols.find(({ name }) => votes.has(name))
    if (choice) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
  }
  let elected = ''
  let most = -1
  for (const [name, count] of votes) {
    if (count > most) [elected, most] = [name, count]
  }
  return elected
}
