import { createServer } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { connectKafka, createPublisher, type KafkaClient } from '../../../broker/client/index.ts'
import {
  createBatchEncoder,
  fetch as fetchApi,
  findCoordinator,
  initProducerId,
  kafkaError,
  offsetCommit,
  produce,
  setBaseOffset,
  type TypeOf,
} from '../../../broker/wire/index.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import { formCluster, type ScriptedBroker, startScriptedBroker } from './scripted-broker.ts'

type FetchAnswer = TypeOf<typeof fetchApi.response>
type ProduceAnswer = TypeOf<typeof produce.response>

const parts = { log: silentLogger, clock: systemClock }

it('hands over what one leader answered while another still waits, whose answer serves the next call', async () => {
  const [quick, slow] = await startCluster(() => [0, 1])
  let release = (): void => {}
  const held = new Promise<void>((done) => {
    release = done
  })
  quick.on(fetchApi, () => fetchAnswer(0, { records: batchAt(0, 'a') }))
  slow.on(fetchApi, async () => {
    await held
    return fetchAnswer(1, { records: batchAt(0, 'b', 'c') })
  })
  const reader = openReader(connect(quick, slow))

  const first = await reader.fetch(
    new Map([
      [0, 0],
      [1, 0],
    ]),
  )
  quick.on(fetchApi, () => new Promise(() => {}))
  const second = reader.fetch(
    new Map([
      [0, 1],
      [1, 0],
    ]),
  )
  release()

  expect(first).toMatchObject([{ kind: 'records', partition: 0, nextOffset: 1 }])
  expect(await second).toMatchObject([{ kind: 'records', partition: 1, nextOffset: 2 }])
  expect(slow.count(fetchApi)).toBe(1)
})

it('drops an answer to positions that are not asked for any more', async () => {
  const [broker] = await startCluster(() => [0])
  const offsets: number[] = []
  let release = (): void => {}
  const held = new Promise<void>((done) => {
    release = done
  })
  broker.on(fetchApi, async ({ topics }) => {
    const offset = topics[0]?.partitions[0]?.fetchOffset ?? -1
    offsets.push(offset)
    if (offset === 0) await held
    return fetchAnswer(0, { records: batchAt(offset, 'x') })
  })
  const reader = openReader(connect(broker))

  const outdated = reader.fetch(new Map([[0, 0]]))
  await vi.waitFor(() => expect(offsets).toEqual([0]))
  const wanted = reader.fetch(new Map([[0, 5]]))
  release()

  expect(await wanted).toMatchObject([{ kind: 'records', nextOffset: 6 }])
  expect(await outdated).toMatchObject([{ kind: 'records', nextOffset: 1 }])
})

it('finds the new leader after the old one says that it is none', async () => {
  let leader = 0
  const [old, next] = await startCluster(() => [leader])
  old.on(fetchApi, () => fetchAnswer(0, { errorCode: kafkaError.NOT_LEADER_OR_FOLLOWER }))
  next.on(fetchApi, () => fetchAnswer(0, { records: batchAt(3, 'a') }))
  const reader = openReader(connect(old, next))

  const before = await reader.fetch(new Map([[0, 3]]))
  leader = 1
  const after = await reader.fetch(new Map([[0, 3]]))

  expect(before).toMatchObject([
    { kind: 'unavailable', error: { kafkaError: 'NOT_LEADER_OR_FOLLOWER', remedy: 'retry' } },
  ])
  expect(after).toMatchObject([{ kind: 'records', nextOffset: 4 }])
})

it('keeps the batches before a damaged one, and tells the damage when it comes first', async () => {
  const [broker] = await startCluster(() => [0])
  const damaged = batchAt(1, 'b')
  damaged[damaged.length - 1] = 0xff
  const records = Buffer.concat([batchAt(0, 'a'), damaged])
  broker.on(fetchApi, ({ topics }) =>
    fetchAnswer(0, { records: topics[0]?.partitions[0]?.fetchOffset === 0 ? records : damaged }),
  )
  const reader = openReader(connect(broker))

  expect(await reader.fetch(new Map([[0, 0]]))).toMatchObject([{ kind: 'records', nextOffset: 1 }])
  expect(await reader.fetch(new Map([[0, 1]]))).toMatchObject([
    { kind: 'unavailable', error: { code: 'CORRUPT_BATCH', remedy: 'reject' } },
  ])
})

it('sends the same batch to the new leader when the old one lost the lead', async () => {
  let leader = 0
  const [old, next] = await startCluster(() => [leader])
  const sent: Buffer[] = []
  const takeFrom = (request: TypeOf<typeof produce.request>): void => {
    sent.push(Buffer.from(request.topics[0]?.partitions[0]?.records ?? []))
  }
  old.on(produce, (request) => {
    takeFrom(request)
    leader = 1
    return produceAnswer(kafkaError.NOT_LEADER_OR_FOLLOWER)
  })
  next.on(produce, (request) => {
    takeFrom(request)
    return produceAnswer(kafkaError.NONE)
  })
  const publisher = await createPublisher(settingsOf(old, next), { topic: 't', ...parts })
  onTestFinished(() => publisher.close())

  publisher.add({ key: null, value: Buffer.from('a') })
  await publisher.flush()

  expect(sent).toHaveLength(2)
  expect(sent[1]).toEqual(sent[0])
})

it('gives up at once, to go on with a new producer, when the broker has forgotten this one', async () => {
  const [broker] = await startCluster(() => [0])
  broker.on(produce, () => produceAnswer(kafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER))
  const publisher = await createPublisher(settingsOf(broker), { topic: 't', ...parts })
  onTestFinished(() => publisher.close())

  publisher.add({ key: null, value: Buffer.from('a') })

  await expect(publisher.flush()).rejects.toMatchObject({ code: 'PUBLISH_FAILED', remedy: 'retry' })
  expect(broker.count(produce)).toBe(1)
})

it('commits in a single attempt, whatever the coordinator answers', async () => {
  const [broker] = await startCluster(() => [0])
  const answers: (number | null)[] = [kafkaError.COORDINATOR_NOT_AVAILABLE, null, kafkaError.NONE]
  broker.on(offsetCommit, () => {
    const errorCode = answers.shift() ?? null
    return errorCode === null
      ? null
      : { throttleTimeMs: 0, topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode }] }] }
  })
  const client = connect(broker)
  const commit = (): Promise<void> =>
    client.commitOffsets({
      group: 'g',
      memberId: 'm',
      generationId: 1,
      topic: 't',
      offsets: [{ partition: 0, offset: 1, metadata: '' }],
    })

  await expect(commit()).rejects.toMatchObject({ kafkaError: 'COORDINATOR_NOT_AVAILABLE' })
  await expect(commit()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  await expect(commit()).resolves.toBeUndefined()

  expect(broker.count(offsetCommit)).toBe(3)
  // Looked up at first, and again after the refusal.
  expect(broker.count(findCoordinator)).toBe(2)
})

async function startCluster(leaders: () => number[]): Promise<[ScriptedBroker, ScriptedBroker]> {
  const brokers: [ScriptedBroker, ScriptedBroker] = [await startScriptedBroker(), await startScriptedBroker()]
  formCluster(brokers, 't', leaders)
  for (const broker of brokers) {
    onTestFinished(() => broker.close())
    broker.on(initProducerId, () => ({ throttleTimeMs: 0, errorCode: 0, producerId: 7, producerEpoch: 0 }))
    broker.on(findCoordinator, () => {
      const [host = '', port] = brokers[0].address.split(':')
      return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, nodeId: 0, host, port: Number(port) }
    })
  }
  return brokers
}

function settingsOf(...brokers: ScriptedBroker[]): Parameters<typeof connectKafka>[0] {
  return { brokers: brokers.map(({ address }) => address), clientId: 'test', ssl: false }
}

function connect(...brokers: ScriptedBroker[]): KafkaClient {
  const client = connectKafka(settingsOf(...brokers), parts)
  onTestFinished(() => client.close())
  return client
}

function openReader(client: KafkaClient): ReturnType<KafkaClient['openReader']> {
  const reader = client.openReader({
    topic: 't',
    maxBytes: 1_000,
    maxWaitMs: 100,
    isolation: 'read_committed',
  })
  onTestFinished(() => reader.close())
  return reader
}

function batchAt(offset: number, ...values: string[]): Buffer {
  const encoder = createBatchEncoder()
  for (const value of values) encoder.add(1_000, null, Buffer.from(value))
  const batch = encoder.finish({ producerId: -1, producerEpoch: -1, baseSequence: -1 })
  setBaseOffset(batch, offset)
  return batch
}

function fetchAnswer(
  partition: number,
  { errorCode = 0, records = null }: { errorCode?: number; records?: Buffer | null },
): FetchAnswer {
  const found = { partition, errorCode, highWatermark: 99, lastStableOffset: 99, logStartOffset: 0 }
  const partitions = [{ ...found, abortedTransactions: null, preferredReadReplica: -1, records }]
  return { throttleTimeMs: 0, errorCode: 0, sessionId: 0, topics: [{ topic: 't', partitions }] }
}

function produceAnswer(errorCode: number): ProduceAnswer {
  const found = { index: 0, errorCode, baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0 }
  return {
    throttleTimeMs: 0,
    topics: [{ name: 't', partitions: [{ ...found, recordErrors: [], errorMessage: null }] }],
  }
}

it('gives up at once on a broker that says nothing when it is closed', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening))
  onTestFinished(() => void silent.close())
  const bound = silent.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  const connected = new Promise((resolve) => silent.once('connection', resolve))
  const brokers = [`127.0.0.1:${bound.port}`]
  const client = connectKafka({ brokers, clientId: 'test', ssl: false }, parts)
  const asked = expect(client.clusterId()).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' })
  await connected

  await client.close()

  await asked
  // A broker has ten seconds for its first answer.
}, 5_000)
