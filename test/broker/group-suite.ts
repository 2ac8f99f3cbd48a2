import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { expect, it, onTestFinished, vi } from 'vitest'
import { joinGroup, type Membership } from '../../broker/group.ts'
import { silentLogger } from '../../runtime/log.ts'
import { freshTopic, type GetBroker, kafkaJs, settingsFor } from './broker-under-test.ts'
import { startFaultyProxy } from './faulty-proxy.ts'

const heartbeatApiKey = 12
const waitMs = { timeout: 20_000, interval: 20 }

/** What every broker must give to a member of a group. */
export function groupSuite(getBroker: GetBroker): void {
  it('gives a lone member every partition, in a generation that the broker knows', async () => {
    const topic = await freshTopic(getBroker(), 3)

    const member = await join(topic, randomUUID())

    await vi.waitFor(() => expect(member.owned()).toEqual([0, 1, 2]), waitMs)
    expect(member.calls).toEqual(['assigned 0,1,2'])
    expect(member.membership.generationId).toBeGreaterThan(0)
    expect(member.membership.memberId).toMatch(/./)
  })

  it('shares the partitions among two members, and tells each loss before the next gain', async () => {
    const topic = await freshTopic(getBroker(), 4)
    const groupId = randomUUID()
    const first = await join(topic, groupId)
    await vi.waitFor(() => expect(first.owned()).toEqual([0, 1, 2, 3]), waitMs)

    const second = await join(topic, groupId)
    await vi.waitFor(() => expect(second.owned()).toHaveLength(2), waitMs)
    await vi.waitFor(() => expect(first.owned()).toHaveLength(2), waitMs)
    const whileTwo = [...first.owned(), ...second.owned()].toSorted()
    await second.membership.leave()
    await vi.waitFor(() => expect(first.owned()).toEqual([0, 1, 2, 3]), waitMs)

    expect(whileTwo).toEqual([0, 1, 2, 3])
    expect(first.calls.map((call) => call.split(' ')[0])).toEqual([
      'assigned',
      'revoked',
      'assigned',
      'revoked',
      'assigned',
    ])
    expect(first.generations).toEqual(first.generations.toSorted((a, b) => a - b))
    expect(new Set(first.generations).size).toBe(3)
  })

  it('gives a member that is one too many no partition', async () => {
    const topic = await freshTopic(getBroker(), 1)
    const groupId = randomUUID()

    const members = [await join(topic, groupId), await join(topic, groupId)]

    await vi.waitFor(() => {
      expect(members.map((member) => member.owned().length).toSorted()).toEqual([0, 1])
      expect(members.every((member) => member.calls.at(-1)?.startsWith('assigned'))).toBe(true)
    }, waitMs)
  })

  it('takes over the partitions of a member that was killed', async () => {
    const topic = await freshTopic(getBroker(), 2)
    const groupId = randomUUID()
    const survivor = await join(topic, groupId)
    const victim = startMemberProcess(getBroker().bootstrap, topic, groupId)
    await vi.waitFor(() => expect(survivor.owned()).toHaveLength(1), waitMs)

    victim.kill('SIGKILL')

    await vi.waitFor(() => expect(survivor.owned()).toEqual([0, 1]), waitMs)
  }, 60_000)

  it('fetches nothing and commits nothing by itself', async () => {
    const topic = await freshTopic(getBroker(), 1)
    const groupId = randomUUID()
    const producer = kafkaJs(getBroker()).producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    await producer.disconnect()

    const member = await join(topic, groupId)
    await vi.waitFor(() => expect(member.owned()).toEqual([0]), waitMs)
    await member.membership.leave()

    const admin = kafkaJs(getBroker()).admin()
    await admin.connect()
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
    await admin.disconnect()
    expect(offsets?.partitions).toMatchObject([{ partition: 0, offset: '-1' }])
    expect(member.crashes).toEqual([])
  })

  it('says so when no broker answers, or the topic is missing', async () => {
    const nowhere = { brokers: ['127.0.0.1:1'], clientId: 'dataflow-test', ssl: false }
    const options = { groupId: randomUUID(), sessionTimeoutMs: 6_000, log: silentLogger }
    const callbacks = { onAssigned() {}, onRevoked() {}, onCrash() {} }

    await expect(joinGroup(nowhere, { ...options, ...callbacks, topic: 't' })).rejects.toMatchObject({
      code: 'BROKER_UNAVAILABLE',
      remedy: 'retry',
    })
    await expect(
      joinGroup(settingsFor(getBroker()), { ...options, ...callbacks, topic: 'no-such-topic' }),
    ).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  })

  it('stays a member over a short loss of the connection', async () => {
    const topic = await freshTopic(getBroker(), 2)
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const member = await join(topic, randomUUID(), { address: proxy.address })
    await vi.waitFor(() => expect(member.owned()).toEqual([0, 1]), waitMs)
    const heartbeats = proxy.seen(heartbeatApiKey)

    proxy.cut()
    proxy.restore()

    await vi.waitFor(() => expect(proxy.seen(heartbeatApiKey)).toBeGreaterThan(heartbeats + 1), waitMs)
    await vi.waitFor(() => expect(member.owned()).toEqual([0, 1]), waitMs)
    expect(member.crashes).toEqual([])
  })

  it('says once that the membership is over when the broker stays away', async () => {
    const topic = await freshTopic(getBroker(), 1)
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const member = await join(topic, randomUUID(), { address: proxy.address, retries: 1 })
    await vi.waitFor(() => expect(member.owned()).toEqual([0]), waitMs)

    proxy.cut()

    await vi.waitFor(() => expect(member.crashes).toMatchObject([{ code: 'BROKER_UNAVAILABLE' }]), waitMs)
  })

  async function join(
    topic: string,
    groupId: string,
    { address = getBroker().bootstrap, retries = 10 }: { address?: string; retries?: number } = {},
  ): Promise<TestMember> {
    let owned: number[] = []
    const calls: string[] = []
    const crashes: unknown[] = []
    const generations: number[] = []
    const membership = await joinGroup(
      { ...settingsFor(getBroker()), brokers: [address] },
      {
        groupId,
        topic,
        sessionTimeoutMs: 6_000,
        onAssigned(partitions, generationId) {
          owned = partitions
          generations.push(generationId)
          calls.push(`assigned ${partitions}`)
        },
        onRevoked() {
          owned = []
          calls.push('revoked')
        },
        onCrash: (error) => crashes.push(error),
        retries,
        log: silentLogger,
      },
    )
    onTestFinished(() => membership.leave())
    return { membership, calls, crashes, generations, owned: () => owned }
  }
}

interface TestMember {
  membership: Membership
  calls: string[]
  crashes: unknown[]
  generations: number[]
  owned(): number[]
}

/** A member in a process of its own, so that it can die without a word. */
function startMemberProcess(bootstrap: string, topic: string, groupId: string): ChildProcess {
  const script = `
    const { Kafka } = require(${JSON.stringify(createRequire(import.meta.url).resolve('kafkajs'))})
    const consumer = new Kafka({ brokers: [${JSON.stringify(bootstrap)}], logLevel: 0 })
      .consumer({ groupId: ${JSON.stringify(groupId)}, sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 200 })
    consumer.connect()
      .then(() => consumer.subscribe({ topics: [${JSON.stringify(topic)}] }))
      .then(() => consumer.run({ eachMessage: async () => {} }))`
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}
