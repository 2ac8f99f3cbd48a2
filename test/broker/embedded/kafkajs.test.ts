import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startTemporaryBroker, type TemporaryBroker } from './temporary-broker.ts'

let broker: TemporaryBroker
let kafka: Kafka
let topicCount = 0

beforeAll(async () => {
  broker = await startTemporaryBroker()
  kafka = new Kafka({
    clientId: 'test',
    brokers: [broker.address],
    logLevel: logLevel.NOTHING,
    retry: { retries: 2, initialRetryTime: 20 },
  })
})
afterAll(() => broker.remove())

const newTopic = (): string => `topic-${++topicCount}`

async function withAdmin<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

async function withProducer<T>(work: (producer: Producer) => Promise<T>): Promise<T> {
  const producer = kafka.producer({ idempotent: true, allowAutoTopicCreation: false })
  await producer.connect()
  try {
    return await work(producer)
  } finally {
    await producer.disconnect()
  }
}

async function topicWith(values: string[], partitions = 1): Promise<string> {
  const topic = newTopic()
  await withAdmin((admin) =>
    admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true }),
  )
  await withProducer(async (producer) => {
    for (const [index, value] of values.entries()) {
      await producer.send({
        topic,
        messages: [{ value, partition: index % partitions, timestamp: String(1_000 * (index + 1)) }],
      })
    }
  })
  return topic
}

describe('admin', () => {
  it('creates, lists, describes, grows and deletes a topic', async () => {
    const topic = newTopic()
    await withAdmin(async (admin) => {
      expect(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })).toBe(true)
      expect(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })).toBe(false)
      expect(await admin.listTopics()).toContain(topic)
      await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
      const described = await admin.fetchTopicMetadata({ topics: [topic] })
      expect(described.topics[0]?.partitions.map(({ partitionId, leader }) => [partitionId, leader])).toEqual(
        [
          [0, 1],
          [1, 1],
          [2, 1],
        ],
      )

      await admin.deleteTopics({ topics: [topic] })

      expect(await admin.listTopics()).not.toContain(topic)
    })
  })

  it('refuses what it cannot do, with the protocol’s error', async () => {
    await withAdmin(async (admin) => {
      const create = (topic: string, more: object) =>
        admin.createTopics({ topics: [{ topic, numPartitions: 1, ...more }] }).then(
          () => 'created',
          (error) => String(error.errors?.[0]?.type ?? error.type),
        )
      expect(await create('with space', {})).toBe('INVALID_TOPIC_EXCEPTION')
      expect(await create(newTopic(), { replicationFactor: 3 })).toBe('INVALID_REPLICATION_FACTOR')
      expect(await create(newTopic(), { numPartitions: 0 })).toBe('INVALID_PARTITIONS')
      const configEntries = [{ name: 'retention.hours', value: '3' }]
      expect(await create(newTopic(), { configEntries })).toBe('INVALID_CONFIG')
    })
  })

  it('shows the settings of a topic and changes them', async () => {
    const topic = newTopic()
    await withAdmin(async (admin) => {
      await admin.createTopics({
        topics: [{ topic, configEntries: [{ name: 'retention.ms', value: '-1' }] }],
      })
      const resources = [{ type: 2, name: topic, configNames: ['retention.ms', 'cleanup.policy'] }]
      const values = async () => {
        const { resources: found } = await admin.describeConfigs({ includeSynonyms: false, resources })
        return Object.fromEntries(
          (found[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]),
        )
      }
      expect(await values()).toEqual({ 'retention.ms': '-1', 'cleanup.policy': 'delete' })

      const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
      await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] })

      expect(await values()).toEqual({ 'retention.ms': '604800000', 'cleanup.policy': 'compact' })
    })
  })

  it('finds offsets by time', async () => {
    const topic = await topicWith(['a', 'b', 'c']) // at 1,000, 2,000 and 3,000 ms
    await withAdmin(async (admin) => {
      const at = async (timestamp: number) =>
        (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0]?.offset

      expect(await at(1_999)).toBe('1')
      expect(await at(2_000)).toBe('1')
      expect(await at(2_001)).toBe('2')
      expect(await at(9_000)).toBe('3')
      expect(await admin.fetchTopicOffsets(topic)).toEqual([
        { partition: 0, offset: '3', high: '3', low: '0' },
      ])
    })
  })

  it('deletes records below an offset', async () => {
    const topic = await topicWith(['a', 'b', 'c'])
    await withAdmin(async (admin) => {
      await admin.fetchTopicOffsets(topic) // kafkajs needs its metadata loaded
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })

      expect(await admin.fetchTopicOffsets(topic)).toEqual([
        { partition: 0, offset: '3', high: '3', low: '2' },
      ])
    })
    expect(await consumeAll(topic, 1)).toEqual(['c'])
  })

  it('sets and resets the offsets of a group', async () => {
    const topic = await topicWith(['a', 'b', 'c'])
    // Each joins its group as a consumer, with a fetch of five seconds; two on one connection wait for each other.
    await Promise.all([
      withAdmin((admin) =>
        admin.setOffsets({ groupId: 'set', topic, partitions: [{ partition: 0, offset: '2' }] }),
      ),
      withAdmin((admin) => admin.resetOffsets({ groupId: 'reset', topic, earliest: true })),
    ])

    await withAdmin(async (admin) => {
      const committed = async (groupId: string) => {
        const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
        return found?.partitions[0]?.offset
      }
      expect(await committed('set')).toBe('2')
      expect(await committed('reset')).toBe('-2')
    })
  })
})

describe('producer', () => {
  it('keeps keys, headers, nulls and times', async () => {
    const topic = newTopic()
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic }] }))
    await withProducer(async (producer) => {
      const sent = await producer.send({
        topic,
        compression: 1,
        messages: [
          { key: 'k', value: 'v', headers: { h: 'x' }, timestamp: '1700000000000' },
          { key: null, value: null, timestamp: '1700000000001' },
        ],
      })
      expect(sent[0]).toMatchObject({ errorCode: 0, baseOffset: '0' })
    })

    const records: unknown[] = []
    const consumer = kafka.consumer({
      groupId: `read-${topic}`,
      sessionTimeout: 6_000,
      heartbeatInterval: 200,
      maxWaitTimeInMs: 100,
    })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message: { key, value, headers, timestamp } }) => {
        const plain = { key: key?.toString(), value: value?.toString(), timestamp }
        records.push({ ...plain, h: headers?.h?.toString() })
      },
    })
    await vi.waitFor(() => expect(records).toHaveLength(2), { timeout: 10_000 })
    await consumer.disconnect()

    expect(records).toEqual([
      { key: 'k', value: 'v', h: 'x', timestamp: '1700000000000' },
      { key: undefined, value: undefined, h: undefined, timestamp: '1700000000001' },
    ])
  })

  it.each([0, 1])('writes with acks=%i', async (acks) => {
    const topic = await topicWith([])
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, acks, messages: [{ value: 'a' }] })
    await producer.disconnect()

    expect(await consumeAll(topic, 1)).toEqual(['a'])
  })

  it('creates a topic when the client asks for it', async () => {
    const topic = newTopic()
    const producer = kafka.producer({ allowAutoTopicCreation: true })
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'a' }] })
    await producer.disconnect()

    expect(await consumeAll(topic, 1)).toEqual(['a'])
  })
})

describe('consumer group', () => {
  it('shares partitions among members, and gives those of a leaver to the others', async () => {
    const topic = await topicWith([], 4)
    const groupId = `share-${topic}`
    const member = async () => {
      const consumer = kafka.consumer({
        groupId,
        sessionTimeout: 6_000,
        heartbeatInterval: 100,
        maxWaitTimeInMs: 100,
        rebalanceTimeout: 5_000,
      })
      const assigned: number[] = []
      consumer.on('consumer.group_join', ({ payload }) => {
        assigned.splice(0, assigned.length, ...(payload.memberAssignment[topic] ?? []))
      })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({ eachMessage: async () => {} })
      return { assigned, leave: () => consumer.disconnect() }
    }
    const first = await member()
    await vi.waitFor(() => expect(first.assigned).toEqual([0, 1, 2, 3]), { timeout: 10_000 })
    const second = await member()
    await vi.waitFor(() => expect([first.assigned.length, second.assigned.length]).toEqual([2, 2]), {
      timeout: 10_000,
    })
    expect([...first.assigned, ...second.assigned].sort()).toEqual([0, 1, 2, 3])

    await withAdmin(async (admin) => {
      const { groups } = await admin.describeGroups([groupId])
      expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' })
      expect(groups[0]?.members).toHaveLength(2)
      await expect(admin.deleteGroups([groupId])).rejects.toMatchObject({
        groups: [{ groupId, errorCode: 68 }],
      })
    })

    await second.leave()

    await vi.waitFor(() => expect([...first.assigned].sort()).toEqual([0, 1, 2, 3]), { timeout: 10_000 })
    await first.leave()
    await withAdmin(async (admin) => {
      expect((await admin.listGroups()).groups.map((each) => each.groupId)).toContain(groupId)
      await admin.deleteGroups([groupId])
      expect((await admin.listGroups()).groups.map((each) => each.groupId)).not.toContain(groupId)
    })
  })

  it('goes on from the committed offset, and keeps its metadata', async () => {
    const topic = await topicWith(['a', 'b', 'c', 'd'])
    const groupId = `commit-${topic}`
    const first = kafka.consumer({
      groupId,
      sessionTimeout: 6_000,
      heartbeatInterval: 100,
      maxWaitTimeInMs: 100,
    })
    await first.connect()
    await first.subscribe({ topic, fromBeginning: true })
    const seen: string[] = []
    await first.run({
      autoCommit: false,
      eachMessage: async ({ message }) => void seen.push(String(message.value)),
    })
    await vi.waitFor(() => expect(seen).toHaveLength(4), { timeout: 10_000 })
    await first.commitOffsets([{ topic, partition: 0, offset: '3', metadata: 'half way' }])
    await first.disconnect()

    expect(await consumeAll(topic, 1, groupId)).toEqual(['d'])
    await withAdmin(async (admin) => {
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
      expect(found?.partitions).toEqual([{ partition: 0, offset: '4', metadata: null }])
    })
  })
})

async function consumeAll(topic: string, count: number, groupId = `all-${topic}`): Promise<string[]> {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 6_000,
    heartbeatInterval: 100,
    maxWaitTimeInMs: 100,
  })
  const values: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) })
  await vi.waitFor(() => expect(values.length).toBeGreaterThanOrEqual(count), { timeout: 10_000 })
  await consumer.disconnect()
  return values
}
