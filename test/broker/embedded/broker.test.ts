import { open, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { startBroker } from '../../../broker/embedded/index.ts'
import {
  createTopics,
  deleteRecords,
  deleteTopics,
  describeGroups,
  fetch,
  joinGroup,
  kafkaError,
  listOffsets,
  metadata,
  setCrc,
} from '../../../broker/wire/index.ts'
import { SetupError } from '../../../runtime/errors.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { append, batchOf, connectRaw, type RawClient } from './raw-client.ts'
import { startTemporaryBroker, type TemporaryBroker } from './temporary-broker.ts'

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function started(...options: Parameters<typeof startTemporaryBroker>): Promise<TemporaryBroker> {
  const broker = await startTemporaryBroker(...options)
  cleanups.push(broker.remove)
  return broker
}

async function connected(broker: TemporaryBroker): Promise<RawClient> {
  const client = await connectRaw(broker)
  cleanups.push(client.close)
  return client
}

async function createTopic(client: RawClient, name: string, numPartitions = 1): Promise<void> {
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
  await client.call(createTopics, { topics: [topic], timeoutMs: 0, validateOnly: false })
}

function fetchRequest(topic: string, { maxWaitMs = 20_000, fetchOffset = 0, maxBytes = 50_000_000 } = {}) {
  const partition = { partition: 0, currentLeaderEpoch: -1, fetchOffset, logStartOffset: -1 }
  return {
    ...{ replicaId: -1, maxWaitMs, minBytes: 1, maxBytes, isolationLevel: 1, sessionId: 0, sessionEpoch: -1 },
    topics: [{ topic, partitions: [{ ...partition, partitionMaxBytes: maxBytes }] }],
    ...{ forgottenTopics: [], rackId: '' },
  }
}

async function metadataOf(client: RawClient, names: string[], allowAutoTopicCreation: boolean) {
  const topics = names.map((name) => ({ name }))
  const flags = { includeClusterAuthorizedOperations: false, includeTopicAuthorizedOperations: false }
  return client.call(metadata, { topics, allowAutoTopicCreation, ...flags })
}

async function endOf(client: RawClient, topic: string): Promise<number | undefined> {
  const partition = { partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }
  const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions: [partition] }] }
  return (await client.call(listOffsets, body)).topics[0]?.partitions[0]?.offset
}

it('keeps topics, records and its name through a restart', async () => {
  const first = await startTemporaryBroker()
  const client = await connectRaw(first)
  await createTopic(client, 't', 2)
  await append(client, 't', batchOf(['a', 'b']))
  const { clusterId } = await metadataOf(client, [], false)
  client.close()
  await first.close()

  const again = await connected(await started({ dir: first.dir }))

  const found = await metadataOf(again, ['t'], false)
  expect(found.clusterId).toBe(clusterId)
  expect(found.topics[0]?.partitions).toHaveLength(2)
  expect(await endOf(again, 't')).toBe(2)
})

it('refuses a directory that another broker holds, and an address that is taken', async () => {
  const broker = await started()
  const options = { dir: broker.dir, port: 0, log: silentLogger }
  await expect(startBroker(options)).rejects.toThrow(SetupError)

  const squatter = createServer()
  await new Promise<void>((resolve) => {
    squatter.listen(0, '127.0.0.1', resolve)
  })
  cleanups.push(() => void squatter.close())
  const address = squatter.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await expect(startTemporaryBroker({ port })).rejects.toThrow(/cannot listen on 127.0.0.1/)
})

it('advertises what it was told to', async () => {
  const client = await connected(await started({ advertise: { host: 'kafka.example', port: 19_092 } }))
  const { brokers } = await metadataOf(client, [], false)
  expect(brokers).toEqual([{ nodeId: 1, host: 'kafka.example', port: 19_092, rack: null }])
})

it('makes a topic once, for two clients that ask for it in the same moment', async () => {
  const broker = await started({ defaultPartitions: 3 })
  const [one, two] = [await connected(broker), await connected(broker)]

  const answers = await Promise.all([metadataOf(one, ['new'], true), metadataOf(two, ['new'], true)])

  const summary = answers.map(({ topics }) => [topics[0]?.errorCode, topics[0]?.partitions.length])
  expect(summary).toEqual([
    [0, 3],
    [0, 3],
  ])
})

it('makes no topic that nobody asked to be made', async () => {
  const client = await connected(await started({ autoCreateTopics: false }))
  expect((await metadataOf(client, ['a'], true)).topics[0]?.errorCode).toBe(
    kafkaError.UNKNOWN_TOPIC_OR_PARTITION,
  )
  const other = await connected(await started())
  expect((await metadataOf(other, ['a'], false)).topics[0]?.errorCode).toBe(
    kafkaError.UNKNOWN_TOPIC_OR_PARTITION,
  )
})

it('tells a parked fetch when its topic is deleted', async () => {
  const broker = await started()
  const [reader, admin] = [await connected(broker), await connected(broker)]
  await createTopic(admin, 't')
  const parked = reader.call(fetch, fetchRequest('t'))
  await admin.call(deleteTopics, { topicNames: ['t'], timeoutMs: 0 })

  const { topics } = await parked

  expect(topics[0]?.partitions[0]?.errorCode).toBe(kafkaError.UNKNOWN_TOPIC_OR_PARTITION)
})

it('answers parked fetches and joins when it closes, and does so soon', async () => {
  const broker = await startTemporaryBroker({ initialRebalanceDelayMs: 60_000 })
  const [reader, member, other] = [await connected(broker), await connected(broker), await connected(broker)]
  await createTopic(reader, 't')
  const parked = reader.call(fetch, fetchRequest('t'))
  const join = {
    ...{
      groupId: 'g',
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 60_000,
      memberId: '',
      groupInstanceId: null,
    },
    ...{ protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(0) }] },
  }
  const joining = member.call(joinGroup, join, 3)
  await vi.waitFor(async () => {
    const { groups } = await other.call(describeGroups, { groups: ['g'], includeAuthorizedOperations: false })
    expect(groups[0]?.groupState).toBe('PreparingRebalance')
  })

  await broker.remove()

  expect((await parked).topics[0]?.partitions[0]?.errorCode).toBe(0)
  expect((await joining).errorCode).toBe(kafkaError.UNKNOWN_MEMBER_ID)
})

it('refuses records that contradict themselves, if it is told to look', async () => {
  const client = await connected(await started({ validateRecords: true }))
  await createTopic(client, 't')
  const batch = batchOf(['a'])
  batch[61] = 0x7e // a record longer than its batch
  setCrc(batch, 0, batch.length)

  expect((await append(client, 't', batch)).errorCode).toBe(kafkaError.INVALID_RECORD)
  expect((await append(client, 't', batchOf(['a']))).errorCode).toBe(0)
})

it('deletes all that was acknowledged when asked for everything, though some is not durable yet', async () => {
  const broker = await started()
  const client = await connected(broker)
  await createTopic(client, 'clicks')
  await append(client, 'clicks', batchOf(['a', 'b', 'c']))

  const topics = [{ name: 'clicks', partitions: [{ partitionIndex: 0, offset: -1 }] }]
  const answer = await client.call(deleteRecords, { topics, timeoutMs: 1_000 })

  const deleted = { partitionIndex: 0, lowWatermark: 3, errorCode: kafkaError.NONE }
  expect(answer.topics[0]?.partitions).toEqual([deleted])
})

it('goes on serving the other partitions of a fetch when the disk gives back nonsense for one', async () => {
  const first = await startTemporaryBroker()
  cleanups.push(() => rm(first.dir, { recursive: true, force: true }))
  const writing = await connectRaw(first)
  for (const topic of ['broken', 'sound']) {
    await createTopic(writing, topic)
    await append(writing, topic, batchOf(['a']))
  }
  writing.close()
  await first.close()
  const file = await open(join(first.dir, 'topics', 'broken', '0', `${'0'.repeat(20)}.log`), 'r+')
  await file.write(Buffer.alloc(61), 0, 61, 0)
  await file.close()

  const second = await startTemporaryBroker({ dir: first.dir })
  cleanups.push(() => second.close())
  const client = await connected(second)
  const [broken, sound] = [fetchRequest('broken'), fetchRequest('sound')]
  const answer = await client.call(fetch, { ...broken, topics: [...broken.topics, ...sound.topics] })

  const partitions = answer.topics.flatMap((topic) => topic.partitions)
  expect(partitions.map(({ errorCode }) => errorCode)).toEqual([kafkaError.CORRUPT_MESSAGE, kafkaError.NONE])
  expect(partitions[1]?.records).toHaveLength(batchOf(['a']).length)
})
