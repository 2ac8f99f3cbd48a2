import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  apiVersions,
  createTopics,
  encodeRequest,
  fetch,
  findCoordinator,
  initProducerId,
  isControl,
  kafkaError,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  offsetForLeaderEpoch,
  openBatch,
  saslHandshake,
  setCrc,
  splitBatches,
} from '../../../broker/wire/index.ts'
import { append, batchOf, connectRaw, type RawClient } from './raw-client.ts'
import { startTemporaryBroker, type TemporaryBroker } from './temporary-broker.ts'

let broker: TemporaryBroker
let client: RawClient
let topicCount = 0

beforeAll(async () => {
  broker = await startTemporaryBroker({ maxRequestBytes: 4 * 1024 * 1024 })
})
afterAll(() => broker.remove())
beforeEach(async () => {
  client = await connectRaw(broker)
})
afterEach(() => client.close())

async function newTopic(config: Record<string, string> = {}): Promise<string> {
  const name = `raw-${++topicCount}`
  const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }
  const { topics } = await client.call(createTopics, { topics: [topic], timeoutMs: 0, validateOnly: false })
  expect(topics[0]?.errorCode).toBe(0)
  return name
}

interface FetchOptions {
  offset?: number
  maxBytes?: number
  minBytes?: number
  maxWaitMs?: number
  sessionId?: number
  sessionEpoch?: number
}

function fetchFrom(topic: string, options: FetchOptions = {}, by = client) {
  const { offset = 0, maxBytes = 1_000_000, minBytes = 1, maxWaitMs = 5_000 } = options
  return by.call(fetch, {
    replicaId: -1,
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel: 0,
    sessionId: options.sessionId ?? 0,
    sessionEpoch: options.sessionEpoch ?? -1,
    topics: [
      {
        topic,
        partitions: [
          {
            partition: 0,
            currentLeaderEpoch: -1,
            fetchOffset: offset,
            logStartOffset: -1,
            partitionMaxBytes: maxBytes,
          },
        ],
      },
    ],
    forgottenTopics: [],
    rackId: '',
  })
}

async function fetchedPart(topic: string, options: FetchOptions = {}) {
  const { topics } = await fetchFrom(topic, options)
  const [part] = topics[0]?.partitions ?? []
  if (!part) throw new Error('no answer for the partition')
  return part
}

describe('ApiVersions', () => {
  it('of an unknown version is answered in version 0, with the versions to try', async () => {
    const { key } = apiVersions
    const request = encodeRequest(
      { ...apiVersions, flexFrom: 3 },
      {
        version: 4,
        correlationId: 5,
        clientId: 'x',
        body: { clientSoftwareName: 'x', clientSoftwareVersion: '1' },
      },
    )
    const bytes = Buffer.concat(request)
    bytes.writeInt16BE(99, 6)

    const frame = await client.send(bytes)

    // correlation id, error 35, one key: 18, versions 0 to 4; nothing after it
    expect(frame.toString('hex')).toBe('00000005' + '0023' + '00000001' + '0012' + '0000' + '0004')
    expect(key).toBe(18)
  })

  it('says Produce 0, or librdkafka would silently not compress, and no transactions yet', async () => {
    const body = { clientSoftwareName: 'x', clientSoftwareVersion: '1' }
    const { apiKeys } = await client.call(apiVersions, body)

    expect(
      apiKeys.map(({ apiKey, minVersion, maxVersion }) => `${apiKey}: ${minVersion}-${maxVersion}`),
    ).toEqual([
      '0: 0-8',
      '1: 4-11',
      '2: 1-5',
      '3: 0-8',
      '8: 2-7',
      '9: 1-7',
      '10: 0-2',
      '11: 0-5',
      '12: 0-3',
      '13: 0-3',
      '14: 0-3',
      '15: 0-4',
      '16: 0-5',
      '17: 0-1',
      '18: 0-4',
      '19: 2-4',
      '20: 1-3',
      '21: 0-1',
      '22: 0-4',
      '23: 2-3',
      '32: 1-3',
      '33: 0-1',
      '37: 0-1',
      '42: 0-1',
      '44: 0-0',
      '47: 0-0',
    ])
  })
})

describe('a connection', () => {
  it.each([
    ['an unknown API', Buffer.from('0000000a' + '7fff' + '0000' + '00000001' + 'ffff', 'hex')],
    [
      'a version that was not advertised',
      Buffer.from('0000000a' + '0001' + '0063' + '00000001' + 'ffff', 'hex'),
    ],
    ['Produce 2', Buffer.from('0000000a' + '0000' + '0002' + '00000001' + 'ffff', 'hex')],
    ['a body that does not parse', Buffer.from('0000000a' + '0003' + '0001' + '00000001' + 'ffff', 'hex')],
    ['a negative length', Buffer.from('ffffffff' + '0000', 'hex')],
    ['a length over the limit', Buffer.from('7fffffff' + '0000', 'hex')],
    ['a web browser', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    [
      'an array of two billion',
      Buffer.from('0000000e' + '0003' + '0001' + '00000001' + 'ffff' + '7fffffff', 'hex'),
    ],
  ])('is closed by %s, and the broker lives on', async (_, bytes) => {
    client.send(bytes).catch(() => {}) // there is no answer
    await client.closed

    const other = await connectRaw(broker)
    expect((await other.call(findCoordinator, { key: 'g', keyType: 0 })).port).toBe(broker.port)
    other.close()
  })

  it('gets its answers in the order of its requests', async () => {
    const topic = await newTopic()
    const parked = fetchFrom(topic, { maxWaitMs: 300 }).then(() => 'fetch')
    const quick = client.call(findCoordinator, { key: 'g', keyType: 0 }).then(() => 'coordinator')

    expect(await Promise.race([parked, quick])).toBe('fetch')
    await quick
  })

  it('is told where it connected to', async () => {
    const body = {
      topics: [],
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }
    const { brokers, controllerId } = await client.call(metadata, body)
    expect(brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: broker.port, rack: null }])
    expect(controllerId).toBe(1)
  })

  it('is refused SASL, as by a plaintext Kafka', async () => {
    const answer = await client.call(saslHandshake, { mechanism: 'PLAIN' })
    expect(answer).toEqual({ errorCode: kafkaError.ILLEGAL_SASL_STATE, mechanisms: [] })
  })
})

describe('Produce', () => {
  it.each<[string, (batch: Buffer) => Buffer | null, number]>([
    ['nothing', () => null, kafkaError.INVALID_RECORD],
    ['an empty one', () => Buffer.alloc(0), kafkaError.INVALID_RECORD],
    ['a wrong CRC', (batch) => withByte(batch, batch.length - 1, 0x55), kafkaError.CORRUPT_MESSAGE],
    ['the old format', (batch) => withByte(batch, 16, 1), kafkaError.INVALID_RECORD],
    ['two in one', (batch) => Buffer.concat([batch, batch]), kafkaError.INVALID_RECORD],
    ['a cut-off one', (batch) => batch.subarray(0, batch.length - 1), kafkaError.CORRUPT_MESSAGE],
    ['a control batch', (batch) => withAttributes(batch, 0x20), kafkaError.INVALID_RECORD],
    [
      'a transactional one outside a transaction',
      (batch) => withAttributes(batch, 0x10),
      kafkaError.INVALID_TXN_STATE,
    ],
    ['a base offset', (batch) => withByte(batch, 7, 5), kafkaError.INVALID_RECORD],
    ['a wrong record count', (batch) => withCount(batch, 9), kafkaError.INVALID_RECORD],
  ])('turns away %s', async (_, spoil, errorCode) => {
    const topic = await newTopic()

    const answer = await append(client, topic, spoil(batchOf(['a', 'b'])))

    expect(answer).toMatchObject({ errorCode, baseOffset: -1 })
    expect((await fetchedPart(topic, { maxWaitMs: 0 })).highWatermark).toBe(0)
  })

  it('turns away what is too large, what has no topic, zstd in old versions, and odd acks', async () => {
    const topic = await newTopic({ 'max.message.bytes': '100' })
    expect((await append(client, topic, batchOf(['x'.repeat(100)]))).errorCode).toBe(
      kafkaError.MESSAGE_TOO_LARGE,
    )
    expect((await append(client, 'no-such', batchOf(['x']))).errorCode).toBe(
      kafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    )
    const zstd = withAttributes(batchOf(['x']), 4)
    expect((await append(client, topic, zstd, { version: 6 })).errorCode).toBe(
      kafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    )
    expect((await append(client, topic, batchOf(['x']), { acks: 2 })).errorCode).toBe(
      kafkaError.INVALID_REQUIRED_ACKS,
    )
  })

  it('closes the connection when acks=0 leaves no other way to say no', async () => {
    await expect(append(client, 'no-such', batchOf(['x']), { acks: 0 })).rejects.toThrow('connection closed')
  })

  it('of the same batch again answers with its first offset, up to five batches back', async () => {
    const topic = await newTopic()
    const producer = await newProducer()
    const batch = (sequence: number) => batchOf(['a'], { ...producer, baseSequence: sequence })
    for (let sequence = 0; sequence < 6; sequence++) await append(client, topic, batch(sequence))

    expect(await append(client, topic, batch(1))).toMatchObject({ errorCode: 0, baseOffset: 1 })
    expect(await append(client, topic, batch(5))).toMatchObject({ errorCode: 0, baseOffset: 5 })
    expect((await append(client, topic, batch(0))).errorCode).toBe(kafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect((await append(client, topic, batch(7))).errorCode).toBe(kafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)
    // What is acknowledged can be read a moment later: the last record is waited for.
    expect((await fetchedPart(topic, { offset: 5, minBytes: 1, maxWaitMs: 10_000 })).highWatermark).toBe(6)
  })

  it('by an older epoch of the producer is fenced', async () => {
    const topic = await newTopic()
    const producer = await newProducer()
    await append(client, topic, batchOf(['a'], { ...producer, producerEpoch: 1, baseSequence: 0 }))

    const late = await append(
      client,
      topic,
      batchOf(['b'], { ...producer, producerEpoch: 0, baseSequence: 0 }),
    )

    expect(late.errorCode).toBe(kafkaError.INVALID_PRODUCER_EPOCH)
  })

  it('takes pipelined batches of one producer in the order in which they came', async () => {
    const topic = await newTopic()
    const producer = await newProducer()
    const sent = Array.from({ length: 20 }, (_, sequence) =>
      append(client, topic, batchOf([`${sequence}`], { ...producer, baseSequence: sequence })),
    )

    const offsets = (await Promise.all(sent)).map(({ errorCode, baseOffset }) => [errorCode, baseOffset])

    expect(offsets).toEqual(Array.from({ length: 20 }, (_, offset) => [0, offset]))
  })

  it('stamps its own time where the topic wants it', async () => {
    const topic = await newTopic({ 'message.timestamp.type': 'LogAppendTime' })
    const before = Date.now()

    const { logAppendTimeMs } = await append(client, topic, batchOf(['a'], { timestampMs: 5 }))

    expect(logAppendTimeMs).toBeGreaterThanOrEqual(before)
    const { records } = await fetchedPart(topic)
    const batch = openBatch(splitBatches(records ?? Buffer.alloc(0))[0] ?? Buffer.alloc(0))
    expect(batch).toMatchObject({ logAppendTime: true, maxTimestampMs: logAppendTimeMs })
  })
})

describe('Fetch', () => {
  it('gives the whole first batch however little was asked for, and no second one', async () => {
    const topic = await newTopic()
    await append(client, topic, batchOf(['a', 'b', 'c']))
    await append(client, topic, batchOf(['d']))

    const { records } = await fetchedPart(topic, { offset: 1, maxBytes: 1 })

    expect(splitBatches(records ?? Buffer.alloc(0)).map((batch) => openBatch(batch).lastOffset)).toEqual([2])
    expect(isControl(records ?? Buffer.alloc(61))).toBe(false)
  })

  it('waits for minBytes, and is woken by an append', async () => {
    const topic = await newTopic()
    const writer = await connectRaw(broker)
    let isAnswered = false
    const parked = fetchFrom(topic, { minBytes: 100, maxWaitMs: 20_000 }).finally(() => {
      isAnswered = true
    })
    await append(writer, topic, batchOf(['a'])) // 61 + 8 bytes: not enough
    await fetchFrom(topic, { minBytes: 1 }, writer)
    expect(isAnswered).toBe(false)
    await append(writer, topic, batchOf(['x'.repeat(100)]))

    const { topics } = await parked

    expect(topics[0]?.partitions[0]?.highWatermark).toBe(2)
    writer.close()
  })

  it('answers empty after maxWaitMs', async () => {
    const topic = await newTopic()
    const { errorCode, records } = await fetchedPart(topic, { maxWaitMs: 50 })
    expect([errorCode, records?.length]).toEqual([0, 0])
  })

  it('answers at once when an offset or a partition does not exist', async () => {
    const topic = await newTopic()
    expect((await fetchedPart(topic, { offset: 1 })).errorCode).toBe(kafkaError.OFFSET_OUT_OF_RANGE)
    expect((await fetchedPart('no-such')).errorCode).toBe(kafkaError.UNKNOWN_TOPIC_OR_PARTITION)
  })

  it('keeps no session: offered none, it asks for a full request', async () => {
    const topic = await newTopic()
    await append(client, topic, batchOf(['a']))
    expect(await fetchFrom(topic, { sessionId: 0, sessionEpoch: 0 })).toMatchObject({
      errorCode: 0,
      sessionId: 0,
    })
    expect(await fetchFrom(topic, { sessionId: 7, sessionEpoch: 3 })).toMatchObject({
      errorCode: kafkaError.FETCH_SESSION_ID_NOT_FOUND,
      topics: [],
    })
  })
})

describe('offsets', () => {
  const list = async (topic: string, timestamp: number) => {
    const partition = { partitionIndex: 0, currentLeaderEpoch: -1, timestamp }
    const body = { replicaId: -1, isolationLevel: 0, topics: [{ name: topic, partitions: [partition] }] }
    const { topics } = await client.call(listOffsets, body)
    const [found] = topics[0]?.partitions ?? []
    return [found?.offset, found?.timestamp]
  }

  it('are found by time to the record, inside a batch too', async () => {
    const topic = await newTopic()
    await append(client, topic, batchOf(['a'], { timestampMs: 1_000 }))
    await append(client, topic, batchOf(['b'], { timestampMs: 2_000 }))

    expect(await list(topic, 1_001)).toEqual([1, 2_000])
    expect(await list(topic, 2_001)).toEqual([-1, -1])
    expect(await list(topic, -2)).toEqual([0, -1])
    expect(await list(topic, -1)).toEqual([2, -1])
  })

  it('of the one leader epoch end at the high watermark', async () => {
    const topic = await newTopic()
    await append(client, topic, batchOf(['a', 'b']))
    const ask = async (leaderEpoch: number) => {
      const partition = { partition: 0, currentLeaderEpoch: -1, leaderEpoch }
      const body = { replicaId: -2, topics: [{ topic, partitions: [partition] }] }
      const { topics } = await client.call(offsetForLeaderEpoch, body)
      return [topics[0]?.partitions[0]?.leaderEpoch, topics[0]?.partitions[0]?.endOffset]
    }
    await list(topic, -1) // waits until what was acknowledged is readable
    expect(await ask(0)).toEqual([0, 2])
    expect(await ask(1)).toEqual([-1, -1])
  })

  it('are committed without a group, also the odd ones, and stay through a restart', async () => {
    const own = await startTemporaryBroker()
    let raw = await connectRaw(own)
    const topic = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
    await raw.call(createTopics, { topics: [topic], timeoutMs: 0, validateOnly: false })
    const commit = async (offset: number, partitionIndex = 0, committedMetadata: string | null = 'note') => {
      const partition = {
        partitionIndex,
        committedOffset: offset,
        committedLeaderEpoch: -1,
        committedMetadata,
      }
      const { topics } = await raw.call(offsetCommit, {
        ...{ groupId: 'g', generationId: -1, memberId: '', groupInstanceId: null, retentionTimeMs: -1 },
        topics: [{ name: 't', partitions: [partition] }],
      })
      return topics[0]?.partitions[0]?.errorCode
    }
    expect(await commit(5)).toBe(0)
    expect(await commit(5, 1)).toBe(kafkaError.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await commit(5, 0, 'x'.repeat(4_097))).toBe(kafkaError.OFFSET_METADATA_TOO_LARGE)
    expect(await commit(-2)).toBe(0)
    raw.close()
    await own.close()

    const again = await startTemporaryBroker({ dir: own.dir })
    raw = await connectRaw(again)

    const { topics } = await raw.call(offsetFetch, { groupId: 'g', topics: null, requireStable: true })
    expect(topics).toEqual([
      {
        name: 't',
        partitions: [
          {
            partitionIndex: 0,
            committedOffset: -2,
            committedLeaderEpoch: -1,
            metadata: 'note',
            errorCode: 0,
          },
        ],
      },
    ])
    raw.close()
    await again.remove()
  })
})

async function newProducer(): Promise<{ producerId: number; producerEpoch: number }> {
  const { producerId, producerEpoch, errorCode } = await client.call(initProducerId, {
    transactionalId: null,
    transactionTimeoutMs: 0,
    producerId: -1,
    producerEpoch: -1,
  })
  expect(errorCode).toBe(0)
  return { producerId, producerEpoch }
}

function withByte(batch: Buffer, at: number, byte: number): Buffer {
  batch[at] = byte
  return batch
}

function withAttributes(batch: Buffer, attributes: number): Buffer {
  batch.writeInt16BE(attributes, 21)
  setCrc(batch, 0, batch.length)
  return batch
}

function withCount(batch: Buffer, count: number): Buffer {
  batch.writeInt32BE(count, 57)
  setCrc(batch, 0, batch.length)
  return batch
}
