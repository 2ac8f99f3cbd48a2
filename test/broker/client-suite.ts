import { randomUUID } from 'node:crypto'
import { CompressionTypes } from 'kafkajs'
import { expect, it, onTestFinished, vi } from 'vitest'
import { connectKafka, type KafkaClient, type Reader } from '../../broker/client/index.ts'
import { joinGroup } from '../../broker/group.ts'
import { createRecordCursor, type RecordBatch } from '../../broker/wire/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { freshTopic, type GetBroker, kafkaJs, settingsFor } from './broker-under-test.ts'
import { startFaultyProxy } from './faulty-proxy.ts'
import { selfSigned } from './self-signed.ts'

const waitMs = { timeout: 20_000, interval: 20 }
const fetchApiKey = 1

/** What our reading client must do on every broker. `transactions`: the broker has them. */
export function clientSuite(getBroker: GetBroker, { transactions }: { transactions: boolean }): void {
  it('knows the cluster as others know it, and its topics', async () => {
    const topic = await freshTopic(getBroker(), 3)
    const client = connect()

    const admin = kafkaJs(getBroker()).admin()
    await admin.connect()
    const { clusterId } = await admin.describeCluster()
    await admin.disconnect()

    expect(await client.clusterId()).toBe(clusterId)
    expect(await client.partitions(topic)).toEqual([0, 1, 2])
    await expect(client.partitions('no-such-topic')).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  })

  it('finds offsets at the ends of the log and by time', async () => {
    const topic = await freshTopic(getBroker(), 2)
    const client = connect()
    await produce(topic, [
      { value: 'a', timestamp: '1000' },
      { value: 'b', timestamp: '2000' },
      { value: 'c', timestamp: '3000' },
    ])

    const at = async (where: Parameters<KafkaClient['listOffsets']>[2]): Promise<unknown> =>
      Object.fromEntries(await client.listOffsets(topic, [0, 1], where))

    expect(await at('earliest')).toEqual({ 0: 0, 1: 0 })
    expect(await at('latest')).toEqual({ 0: 3, 1: 0 })
    expect(await at({ timestampMs: 1_000 })).toEqual({ 0: 0 })
    expect(await at({ timestampMs: 1_001 })).toEqual({ 0: 1 })
    expect(await at({ timestampMs: 3_001 })).toEqual({})
  })

  it.each([
    ['none', CompressionTypes.None],
    ['gzip', CompressionTypes.GZIP],
  ])('reads the same records as another client, compression %s', async (_name, compression) => {
    const topic = await freshTopic(getBroker())
    const messages = [
      { key: 'k1', value: 'one', headers: { h: 'x', empty: '' }, timestamp: '1700000000000' },
      { key: null, value: 'zwölf ♞', timestamp: '1700000000005' },
      { key: 'k2', value: null, timestamp: '1699999999999' },
      { key: '', value: 'x'.repeat(100_000), timestamp: '1700000000007' },
    ]
    await produce(topic, messages, compression)
    await produce(topic, [{ key: 'k3', value: 'last', timestamp: '1700000000009' }], compression)

    const seen = await readTo(openReader(topic), 5)

    expect(seen).toEqual(await readWithKafkaJs(topic, 5))
    expect(seen.map(({ offset, value }) => [offset, value?.length ?? null])).toEqual([
      [0, 3],
      [1, 7],
      [2, null],
      [3, 100_000],
      [4, 4],
    ])
  })

  it('starts at the very record asked for, in the middle of a batch', async () => {
    const topic = await freshTopic(getBroker())
    await produce(
      topic,
      ['a', 'b', 'c', 'd'].map((value) => ({ value })),
      CompressionTypes.GZIP,
    )

    const [fetched] = await openReader(topic).fetch(new Map([[0, 2]]))

    if (fetched?.kind !== 'records') throw new Error(`fetched ${fetched?.kind}`)
    expect(fetched.batches.flatMap(recordsOf).map(({ offset, value }) => [offset, value])).toEqual([
      [2, 'c'],
      [3, 'd'],
    ])
    expect(fetched).toMatchObject({ nextOffset: 4, highWatermark: 4, lastStableOffset: 4, logStartOffset: 0 })
  })

  it('waits at the end of the log and wakes when a record comes', async () => {
    const topic = await freshTopic(getBroker())
    const reader = openReader(topic, { maxWaitMs: 15_000 })
    const startMs = Date.now()

    const fetching = reader.fetch(new Map([[0, 0]]))
    await produce(topic, [{ value: 'a' }])
    const [fetched] = await fetching

    expect(fetched).toMatchObject({ kind: 'records', nextOffset: 1 })
    expect(Date.now() - startMs).toBeLessThan(10_000)
  })

  it('answers empty after the longest wait when nothing comes', async () => {
    const topic = await freshTopic(getBroker())

    const fetched = await openReader(topic, { maxWaitMs: 100 }).fetch(new Map([[0, 0]]))

    expect(fetched).toMatchObject([{ kind: 'records', batches: [], nextOffset: 0, highWatermark: 0 }])
  })

  it('reads several partitions, the next request under way while the last answer is used', async () => {
    const topic = await freshTopic(getBroker(), 3)
    for (const partition of [0, 1, 2]) {
      for (const round of [0, 1, 2]) {
        const messages = Array.from({ length: 50 }, (_, i) => ({
          partition,
          value: `${partition}-${round}-${i}`,
        }))
        await produce(topic, messages)
      }
    }
    // So small that it takes several answers.
    const reader = openReader(topic, { maxBytes: 2_000 })
    const positions = new Map([0, 1, 2].map((partition) => [partition, 0]))
    const seen = new Map<number, number>()

    let ahead = reader.fetch(positions)
    let answers = 0
    while ([...positions.values()].some((position) => position < 150)) {
      const fetched = await ahead
      answers++
      for (const found of fetched)
        if (found.kind === 'records') positions.set(found.partition, found.nextOffset)
      ahead = reader.fetch(positions)
      for (const found of fetched) {
        if (found.kind !== 'records') throw new Error(`fetched ${found.kind}`)
        const count = found.batches.reduce((sum, batch) => sum + batch.recordCount, 0)
        seen.set(found.partition, (seen.get(found.partition) ?? 0) + count)
      }
    }
    await ahead

    expect(Object.fromEntries(seen)).toEqual({ 0: 150, 1: 150, 2: 150 })
    expect(answers).toBeGreaterThan(1)
  })

  it('says when a position is outside the log', async () => {
    const topic = await freshTopic(getBroker())

    expect(await openReader(topic).fetch(new Map([[0, 7]]))).toEqual([{ kind: 'out_of_range', partition: 0 }])
  })

  it('says that a partition is unavailable while the broker is away, and goes on when it is back', async () => {
    const topic = await freshTopic(getBroker())
    await produce(topic, [{ value: 'a' }])
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const reader = openReader(topic, {}, connect(proxy.address))
    expect(await reader.fetch(new Map([[0, 0]]))).toMatchObject([{ kind: 'records', nextOffset: 1 }])

    proxy.cut()
    const whileAway = await reader.fetch(new Map([[0, 0]]))
    proxy.restore()

    expect(whileAway).toMatchObject([{ kind: 'unavailable', partition: 0, error: { remedy: 'retry' } }])
    await vi.waitFor(async () => {
      expect(await reader.fetch(new Map([[0, 0]]))).toMatchObject([{ kind: 'records', nextOffset: 1 }])
    }, waitMs)
  })

  it('asks again by itself when an answer about offsets is lost', async () => {
    const topic = await freshTopic(getBroker())
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const client = connect(proxy.address)
    proxy.loseAnswers(2, 2)

    expect(await client.listOffsets(topic, [0], 'latest')).toEqual(new Map([[0, 0]]))
    expect(proxy.seen(2)).toBe(3)
  })

  it('goes through TLS when the authority is known, and says what is wrong when it is not', async () => {
    const topic = await freshTopic(getBroker())
    await produce(topic, [{ value: 'a' }])
    const certificate = selfSigned()
    const proxy = await startFaultyProxy(getBroker().bootstrap, certificate)
    onTestFinished(() => proxy.close())

    const trusting = connect(proxy.address, { ca: certificate.cert })
    const distrusting = connect(proxy.address, true)

    expect(await openReader(topic, {}, trusting).fetch(new Map([[0, 0]]))).toMatchObject([{ nextOffset: 1 }])
    expect(proxy.seen(fetchApiKey)).toBe(1)
    await expect(distrusting.clusterId()).rejects.toThrow(/not trusted.*NODE_EXTRA_CA_CERTS/)
  })

  it('stores offsets with metadata for the generation at hand, and for no other', async () => {
    const topic = await freshTopic(getBroker(), 2)
    const group = randomUUID()
    const client = connect()
    const assigned: { memberId: string; generationId: number }[] = []
    const join = async (): Promise<() => Promise<void>> => {
      const { leave } = await joinGroup(settingsFor(getBroker()), {
        groupId: group,
        topic,
        sessionTimeoutMs: 6_000,
        onAssigned: (_partitions, generationId, memberId) => assigned.push({ memberId, generationId }),
        onRevoked() {},
        onCrash() {},
        log: silentLogger,
      })
      onTestFinished(leave)
      return leave
    }
    const commit = (offset: number, member: { memberId: string; generationId: number }): Promise<void> =>
      client.commitOffsets({
        ...member,
        group,
        topic,
        offsets: [{ partition: 1, offset, metadata: 'df1 x' }],
      })

    expect(await client.committedOffsets(group, topic)).toEqual(new Map())
    await join()
    await vi.waitFor(() => expect(assigned).toHaveLength(1), waitMs)
    const [first] = assigned
    if (!first) throw new Error('not assigned')
    await commit(5, first)
    expect(await client.committedOffsets(group, topic)).toEqual(
      new Map([[1, { offset: 5, metadata: 'df1 x' }]]),
    )

    await join()
    await vi.waitFor(
      () => expect(assigned.filter(({ generationId }) => generationId > first.generationId)).toHaveLength(2),
      waitMs,
    )

    const rejected = { code: 'COMMIT_REJECTED', remedy: 'reject' }
    await expect(commit(6, first)).rejects.toMatchObject({ ...rejected, kafkaError: 'ILLEGAL_GENERATION' })
    await expect(commit(6, { ...first, memberId: 'nobody' })).rejects.toMatchObject({
      ...rejected,
      kafkaError: 'UNKNOWN_MEMBER_ID',
    })
    expect(await client.committedOffsets(group, topic)).toEqual(
      new Map([[1, { offset: 5, metadata: 'df1 x' }]]),
    )
  })

  it('reads what other tools committed', async () => {
    const topic = await freshTopic(getBroker(), 2)
    const groupId = randomUUID()
    const admin = kafkaJs(getBroker()).admin()
    await admin.connect()
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: '0' }] })
    await admin.disconnect()

    expect(await connect().committedOffsets(groupId, topic)).toEqual(
      new Map([[1, { offset: 0, metadata: '' }]]),
    )
  })

  // A broker without transactions has no such records.
  if (transactions)
    it('hides aborted records from committed reads, and moves past them and the markers', async () => {
      const topic = await freshTopic(getBroker())
      const producer = kafkaJs(getBroker()).producer({
        transactionalId: randomUUID(),
        maxInFlightRequests: 1,
      })
      await producer.connect()
      for (const [value, ends] of [
        ['kept', 'commit'],
        ['gone', 'abort'],
        ['kept too', 'commit'],
        ['gone too', 'abort'],
      ]) {
        const transaction = await producer.transaction()
        await transaction.send({ topic, messages: [{ value: value ?? '' }] })
        await (ends === 'commit' ? transaction.commit() : transaction.abort())
      }
      await producer.disconnect()
      // offsets: 0 kept, 1 marker, 2 gone, 3 marker, 4 kept too, 5 marker, 6 gone too, 7 marker

      const committed = await readTo(openReader(topic), 8)
      const uncommitted = await readTo(openReader(topic, { isolation: 'read_uncommitted' }), 8)

      expect(committed.map(({ value }) => value)).toEqual(['kept', 'kept too'])
      expect(uncommitted.map(({ value }) => value)).toEqual(['kept', 'gone', 'kept too', 'gone too'])
    })

  function connect(address = getBroker().bootstrap, ssl: boolean | { ca: string } = false): KafkaClient {
    const settings = { ...settingsFor(getBroker()), brokers: [address], ssl }
    const client = connectKafka(settings, { log: silentLogger, clock: systemClock })
    onTestFinished(() => client.close())
    return client
  }

  function openReader(
    topic: string,
    options: Partial<Parameters<KafkaClient['openReader']>[0]> = {},
    client = connect(),
  ): Reader {
    const reader = client.openReader({
      topic,
      maxBytes: 1_000_000,
      maxWaitMs: 200,
      isolation: 'read_committed',
      ...options,
    })
    onTestFinished(() => reader.close())
    return reader
  }

  async function produce(
    topic: string,
    messages: {
      key?: string | null
      value: string | null
      partition?: number
      timestamp?: string
      headers?: Record<string, string>
    }[],
    compression = CompressionTypes.None,
  ): Promise<void> {
    const producer = kafkaJs(getBroker()).producer()
    await producer.connect()
    await producer.send({
      topic,
      compression,
      messages: messages.map((message) => ({ partition: 0, ...message })),
    })
    await producer.disconnect()
  }

  async function readWithKafkaJs(topic: string, count: number): Promise<PlainRecord[]> {
    const consumer = kafkaJs(getBroker()).consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 })
    const records: PlainRecord[] = []
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message: { offset, timestamp, key, value, headers } }) => {
        records.push({
          offset: Number(offset),
          timestampMs: Number(timestamp),
          key: key === null ? null : key.toString(),
          value: value === null ? null : value.toString(),
          headers: Object.entries(headers ?? {}).map(([name, header]) => [name, String(header)]),
        })
      },
    })
    await vi.waitFor(() => expect(records).toHaveLength(count), waitMs)
    await consumer.disconnect()
    return records
  }
}

export interface PlainRecord {
  offset: number
  timestampMs: number
  key: string | null
  value: string | null
  headers: [string, string | null][]
}

/** Reads partition 0 until its position is `end`. */
export async function readTo(reader: Reader, end: number): Promise<PlainRecord[]> {
  const records: PlainRecord[] = []
  for (let position = 0; position < end; ) {
    for (const fetched of await reader.fetch(new Map([[0, position]]))) {
      if (fetched.kind !== 'records') throw new Error(`fetched ${fetched.kind}`)
      records.push(...fetched.batches.flatMap(recordsOf))
      position = fetched.nextOffset
    }
  }
  return records
}

export function recordsOf(batch: RecordBatch): PlainRecord[] {
  const cursor = createRecordCursor()
  cursor.reset(batch)
  const records: PlainRecord[] = []
  while (cursor.next()) {
    const { offset, timestampMs, buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
    const text = (start: number, end: number): string | null =>
      start < 0 ? null : buffer.toString('utf8', start, end)
    records.push({
      offset,
      timestampMs,
      key: text(keyStart, keyEnd),
      value: text(valueStart, valueEnd),
      headers: cursor.headers().map(([name, value]) => [name, value === null ? null : value.toString()]),
    })
  }
  return records
}
