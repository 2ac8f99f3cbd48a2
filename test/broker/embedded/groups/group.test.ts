import { beforeEach, describe, expect, it } from 'vitest'
import { createGroup, type Group } from '../../../../broker/embedded/groups/group.ts'
import {
  electProtocol,
  type JoinAnswer,
  type JoinRequest,
} from '../../../../broker/embedded/groups/member.ts'
import { kafkaError } from '../../../../broker/wire/index.ts'

const initialRebalanceDelayMs = 100
const sessionTimeoutMs = 6_000
const rebalanceTimeoutMs = 10_000
const caller = { clientId: 'app', clientHost: '/127.0.0.1' }

let nowMs: number
let group: Group
let persisted: number[]

beforeEach(() => {
  nowMs = 0
  persisted = []
  group = createGroup({
    lastGeneration: 0,
    initialRebalanceDelayMs,
    nowMs: () => nowMs,
    persistGeneration: async (generation) => void persisted.push(generation),
  })
})

function request(memberId: string, metadata = 'm', names = ['range']): JoinRequest {
  const protocols = names.map((name) => ({ name, metadata: Buffer.from(metadata) }))
  const common = { groupId: 'g', sessionTimeoutMs, rebalanceTimeoutMs, groupInstanceId: null }
  return { ...common, memberId, protocolType: 'consumer', protocols }
}

function advance(ms: number): void {
  nowMs += ms
  group.expire(nowMs)
}

/** A new member is told its id, then joins with it; the answer comes when the group is complete. */
async function newcomer(
  metadata = 'm',
  names = ['range'],
): Promise<{ id: string; answer: Promise<JoinAnswer> }> {
  const { memberId: id, errorCode } = await group.join(request('', metadata, names), caller, true)
  expect(errorCode).toBe(kafkaError.MEMBER_ID_REQUIRED)
  return { id, answer: group.join(request(id, metadata, names), caller, true) }
}

function sync(memberId: string, generationId: number, assignments: Record<string, string> = {}) {
  const list = Object.entries(assignments).map(([member, text]) => ({
    memberId: member,
    assignment: Buffer.from(text),
  }))
  return group.sync({ groupId: 'g', generationId, memberId, groupInstanceId: null, assignments: list })
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** A stable group of two in generation 1; the first one leads. */
async function stableGroup(): Promise<{ leader: string; follower: string }> {
  const [first, second] = [await newcomer(), await newcomer()]
  advance(initialRebalanceDelayMs)
  await Promise.all([first.answer, second.answer])
  const followed = sync(second.id, 1)
  await sync(first.id, 1, { [first.id]: 'left', [second.id]: 'right' })
  await followed
  expect(group.state).toBe('Stable')
  return { leader: first.id, follower: second.id }
}

async function isAnswered(answer: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  const turn = new Promise((resolve) => setImmediate(resolve, pending))
  return (await Promise.race([answer, turn])) !== pending
}

describe('joining', () => {
  // join A    join B       A and B are in
  //   |---------|-- 100 ms --|
  it('waits for more members before the first generation, longer while they keep coming', async () => {
    const first = await newcomer('a')
    advance(60)
    const second = await newcomer('b')
    advance(60)
    expect(await isAnswered(first.answer)).toBe(false)
    advance(40)

    const [leader, follower] = [await first.answer, await second.answer]

    expect(leader).toMatchObject({ errorCode: 0, generationId: 1, leader: first.id, protocolName: 'range' })
    expect(leader.members.map(({ memberId, metadata }) => [memberId, text(metadata)])).toEqual([
      [first.id, 'a'],
      [second.id, 'b'],
    ])
    expect(follower).toMatchObject({ errorCode: 0, generationId: 1, leader: first.id, members: [] })
    expect(persisted).toEqual([1])
  })

  it('lets old clients in without being told an id first', async () => {
    const joined = group.join(request(''), caller, false)
    advance(initialRebalanceDelayMs)

    expect((await joined).memberId).toMatch(/^app-/)
  })

  it('is refused to ids that were not given out, and to other kinds of members', async () => {
    await stableGroup()
    expect((await group.join(request('made-up'), caller, true)).errorCode).toBe(kafkaError.UNKNOWN_MEMBER_ID)
    const other = await group.join(request('', 'm', ['sticky']), caller, true)
    expect(other.errorCode).toBe(kafkaError.INCONSISTENT_GROUP_PROTOCOL)
    const connect = await group.join({ ...request(''), protocolType: 'connect' }, caller, true)
    expect(connect.errorCode).toBe(kafkaError.INCONSISTENT_GROUP_PROTOCOL)
  })

  it('of a third makes the others join again, and goes on without who does not', async () => {
    const { leader, follower } = await stableGroup()
    const third = await newcomer()
    expect(group.heartbeat(leader, 1)).toBe(kafkaError.REBALANCE_IN_PROGRESS)
    const rejoined = group.join(request(leader), caller, true)
    // The follower stays alive by heartbeats, but does not come.
    for (let waitedMs = 0; waitedMs < rebalanceTimeoutMs; waitedMs += 5_000) {
      expect(await isAnswered(rejoined)).toBe(false)
      group.heartbeat(follower, 1)
      advance(5_000)
    }

    expect(await rejoined).toMatchObject({ errorCode: 0, generationId: 2, leader })
    expect(await third.answer).toMatchObject({ errorCode: 0, generationId: 2 })
    expect([...group.members.keys()]).toEqual([leader, third.id])
    expect(group.heartbeat(follower, 2)).toBe(kafkaError.UNKNOWN_MEMBER_ID)
  })

  it('again without a change answers a follower with what is, and makes a leader assign anew', async () => {
    const { leader, follower } = await stableGroup()
    expect(await group.join(request(follower), caller, true)).toMatchObject({ errorCode: 0, generationId: 1 })
    expect(group.state).toBe('Stable')

    group.join(request(leader), caller, true).catch(() => {})

    expect(group.state).toBe('PreparingRebalance')
  })

  it('again while the first request is parked answers the first one, and keeps the second', async () => {
    const { id, answer } = await newcomer()
    const second = group.join(request(id), caller, true)

    expect((await answer).errorCode).toBe(kafkaError.UNKNOWN_MEMBER_ID)
    advance(initialRebalanceDelayMs)
    expect((await second).errorCode).toBe(0)
  })

  it('is not held up for longer than its session by an id that nobody came back with', async () => {
    await group.join(request(''), caller, true)
    const { answer } = await newcomer()
    advance(initialRebalanceDelayMs)
    expect(await isAnswered(answer)).toBe(false)

    advance(sessionTimeoutMs)

    expect((await answer).generationId).toBe(1)
  })
})

describe('syncing', () => {
  it('waits for the leader, and gives nothing to whom it left out', async () => {
    const [first, second] = [await newcomer(), await newcomer()]
    advance(initialRebalanceDelayMs)
    await Promise.all([first.answer, second.answer])
    const follower = sync(second.id, 1)
    expect(await isAnswered(follower)).toBe(false)

    const leader = await sync(first.id, 1, { [first.id]: 'all' })

    expect([leader.errorCode, text(leader.assignment)]).toEqual([0, 'all'])
    const { errorCode, assignment } = await follower
    expect([errorCode, text(assignment)]).toEqual([0, ''])
  })

  it('again answers what was assigned', async () => {
    const { follower } = await stableGroup()
    expect(text((await sync(follower, 1)).assignment)).toBe('right')
  })

  it('is refused in a wrong generation, and when a rebalance has begun', async () => {
    const { leader } = await stableGroup()
    expect((await sync(leader, 0)).errorCode).toBe(kafkaError.ILLEGAL_GENERATION)
    await newcomer()
    expect((await sync(leader, 1)).errorCode).toBe(kafkaError.REBALANCE_IN_PROGRESS)
  })

  it('that never happens costs the membership, but not that of those who did', async () => {
    const [first, second, third] = [await newcomer(), await newcomer(), await newcomer()]
    advance(initialRebalanceDelayMs)
    await Promise.all([first.answer, second.answer, third.answer])
    const followers = [sync(second.id, 1), sync(third.id, 1)]
    // The leader lives, but says nothing of assignments.
    for (let waitedMs = 0; waitedMs < rebalanceTimeoutMs; waitedMs += 5_000) {
      group.heartbeat(first.id, 1)
      advance(5_000)
    }

    expect((await Promise.all(followers)).map(({ errorCode }) => errorCode)).toEqual([27, 27])
    expect([...group.members.keys()]).toEqual([second.id, third.id])
    expect(group.state).toBe('PreparingRebalance')
  })
})

describe('members', () => {
  it('that are silent for a session are out, and the others rebalance', async () => {
    const { leader, follower } = await stableGroup()
    advance(sessionTimeoutMs - 1)
    expect(group.heartbeat(leader, 1)).toBe(0)
    advance(1)

    expect([...group.members.keys()]).toEqual([leader])
    expect(group.heartbeat(follower, 1)).toBe(kafkaError.UNKNOWN_MEMBER_ID)
    expect(group.heartbeat(leader, 1)).toBe(kafkaError.REBALANCE_IN_PROGRESS)
  })

  it('that leave make way at once; the last one leaves an empty group', async () => {
    const { leader, follower } = await stableGroup()
    expect(group.leave(follower)).toBe(0)
    expect(group.state).toBe('PreparingRebalance')
    expect(group.leave(leader)).toBe(0)

    expect([group.state, group.isIdle]).toEqual(['Empty', true])
    expect(group.leave(leader)).toBe(kafkaError.UNKNOWN_MEMBER_ID)
  })

  it('get a full session again after the machine slept', async () => {
    const { leader } = await stableGroup()
    nowMs += 3_600_000
    group.rearm()
    advance(sessionTimeoutMs - 1)

    expect(group.members.has(leader)).toBe(true)
    expect(group.nextDeadlineMs()).toBe(nowMs + 1)
  })

  it('get the whole of a rebalance again after the machine slept in the middle of it', async () => {
    const { leader, follower } = await stableGroup()
    void group.join(request(leader), caller, true)
    nowMs += 3_600_000
    group.rearm()
    await newcomer()
    advance(1)

    expect(group.members.has(follower)).toBe(true)
  })
})

describe('commits', () => {
  it('need the member’s id and generation while there are members', async () => {
    expect(group.mayCommit('', -1)).toBe(0)
    const { leader } = await stableGroup()
    expect(group.mayCommit('', -1)).toBe(kafkaError.UNKNOWN_MEMBER_ID)
    expect(group.mayCommit(leader, 0)).toBe(kafkaError.ILLEGAL_GENERATION)
    expect(group.mayCommit('stranger', 1)).toBe(kafkaError.UNKNOWN_MEMBER_ID)
    expect(group.mayCommit(leader, 1)).toBe(0)
  })

  it('are still taken while a rebalance gathers, but not while it assigns', async () => {
    const { leader, follower } = await stableGroup()
    group.leave(follower)
    expect(group.mayCommit(leader, 1)).toBe(0)
    await group.join(request(leader), caller, true)

    expect(group.state).toBe('CompletingRebalance')
    expect(group.mayCommit(leader, 2)).toBe(kafkaError.REBALANCE_IN_PROGRESS)
    expect(group.mayCommit(leader, 1)).toBe(kafkaError.ILLEGAL_GENERATION)
  })

  it('of a member from before a restart match no later generation', async () => {
    group = createGroup({
      lastGeneration: 41,
      initialRebalanceDelayMs: 0,
      nowMs: () => nowMs,
      persistGeneration: async () => {},
    })
    const { id, answer } = await newcomer()

    expect((await answer).generationId).toBe(42)
    expect(group.mayCommit(id, 41)).toBe(kafkaError.ILLEGAL_GENERATION)
  })
})

it('fails the join when the generation cannot be stored', async () => {
  group = createGroup({
    lastGeneration: 0,
    initialRebalanceDelayMs: 0,
    nowMs: () => nowMs,
    persistGeneration: () => Promise.reject(new Error('disk full')),
  })
  const { answer } = await newcomer()

  expect((await answer).errorCode).toBe(kafkaError.UNKNOWN_SERVER_ERROR)
  expect(group.state).toBe('Empty')
})

it('elects the protocol that most members prefer among those all support', () => {
  const votes = (...names: string[]) => names.map((name) => ({ name, metadata: Buffer.alloc(0) }))
  expect(electProtocol([votes('a', 'b'), votes('b', 'a'), votes('b', 'a', 'c')])).toBe('b')
  expect(electProtocol([votes('a', 'b'), votes('b', 'a')])).toBe('a')
  expect(electProtocol([votes('c', 'b'), votes('b')])).toBe('b')
})

it('is due at the end of the first wait, also when asked in the very millisecond in which it ends', async () => {
  await newcomer()
  expect(group.nextDeadlineMs()).toBe(initialRebalanceDelayMs)

  nowMs = initialRebalanceDelayMs

  expect(group.nextDeadlineMs()).toBe(initialRebalanceDelayMs)
})
