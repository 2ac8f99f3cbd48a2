import { CompressionTypes } from 'kafkajs'
import { expect, it, onTestFinished } from 'vitest'
import {
  connectKafka,
  createPublisher,
  type Publisher,
  type PublisherOptions,
} from '../../broker/client/index.ts'
import { produce as produceApi } from '../../broker/wire/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { freshTopic, type GetBroker, kafkaJs, settingsFor } from './broker-under-test.ts'
import { type PlainRecord, recordsOf } from './client-suite.ts'
import { startFaultyProxy } from './faulty-proxy.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

/** What our idempotent producer must do on every broker. */
export function publisherSuite(getBroker: GetBroker): void {
  it('stores records with keys, headers and nulls, and says where', async () => {
    const topic = await freshTopic(getBroker())
    const publisher = await open(topic)

    publisher.add({ key: bytes('k'), value: bytes('one'), headers: [['reason', bytes('x')]] })
    publisher.add({ key: null, value: bytes('two') })
    publisher.add({ key: bytes('k'), value: null })
    const pending = publisher.pendingRecords
    const delivered = await publisher.flush()

    expect(pending).toBe(3)
    expect(publisher.pendingRecords).toBe(0)
    expect(publisher.pendingBytes).toBe(0)
    expect(delivered).toEqual([{ partition: 0, baseOffset: 0, recordCount: 3 }])
    expect(
      (await stored(topic)).map(({ offset, key, value, headers }) => [offset, key, value, headers]),
    ).toEqual([
      [0, 'k', 'one', [['reason', 'x']]],
      [1, null, 'two', []],
      [2, 'k', null, []],
    ])
  })

  it('chooses the same partitions as another client', async () => {
    const topic = await freshTopic(getBroker(), 7)
    const keys = Array.from({ length: 200 }, (_, index) => `user-${index}-${'é'.repeat(index % 5)}`)
    const publisher = await open(topic)

    for (const key of keys) publisher.add({ key: bytes(key), value: bytes('ours') })
    await publisher.flush()
    const producer = kafkaJs(getBroker()).producer()
    await producer.connect()
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: keys.map((key) => ({ key, value: 'theirs' })),
    })
    await producer.disconnect()

    const records = await stored(topic, 7)
    const partitionsBy = (value: string): Map<string | null, number> =>
      new Map(
        records.filter((record) => record.value === value).map(({ key, partition }) => [key, partition]),
      )
    expect(records).toHaveLength(400)
    expect(partitionsBy('ours')).toEqual(partitionsBy('theirs'))
  })

  it.each(['none', 'gzip', 'snappy'] as const)(
    'splits a large flush into batches a broker takes, compression %s',
    async (compression) => {
      const topic = await freshTopic(getBroker(), 2)
      const publisher = await open(topic, { compression })

      // 2 x 3 MB
      for (let index = 0; index < 6_000; index++) {
        publisher.add({ key: null, partition: index % 2, value: bytes(`${index} `.padEnd(1_000, 'abc')) })
      }
      const delivered = await publisher.flush()

      const records = await stored(topic, 2)
      const sent = Array.from({ length: 6_000 }, (_, index) => index)
      for (const partition of [0, 1]) {
        const batches = delivered.filter((batch) => batch.partition === partition)
        expect(batches.map(({ baseOffset }) => baseOffset)).toEqual(
          batches.map(({ baseOffset }) => baseOffset).toSorted((a, b) => a - b),
        )
        expect(batches.reduce((sum, { recordCount }) => sum + recordCount, 0)).toBe(3_000)
        expect(batches.length).toBeGreaterThan(2)
        const values = records
          .filter((record) => record.partition === partition)
          .map(({ value }) => parseInt(value ?? '', 10))
        expect(values).toEqual(sent.filter((index) => index % 2 === partition))
      }
    },
  )

  it('takes records during a flush and sends them with the next one', async () => {
    const topic = await freshTopic(getBroker())
    const publisher = await open(topic)

    publisher.add({ key: null, value: bytes('a') })
    const first = publisher.flush()
    publisher.add({ key: null, value: bytes('b') })
    const second = publisher.flush()
    publisher.add({ key: null, value: bytes('c') })

    expect(publisher.pendingRecords).toBe(1)
    expect(await first).toEqual([{ partition: 0, baseOffset: 0, recordCount: 1 }])
    expect(await second).toEqual([{ partition: 0, baseOffset: 1, recordCount: 1 }])
    expect((await stored(topic)).map(({ value }) => value)).toEqual(['a', 'b'])
  })

  it('stores each record once although the answers to several sends are lost', async () => {
    const topic = await freshTopic(getBroker(), 3)
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const publisher = await open(topic, {}, proxy.address)

    for (const round of [0, 1, 2]) {
      for (const partition of [0, 1, 2])
        publisher.add({ key: null, partition, value: bytes(`${round}/${partition}`) })
      if (round > 0) proxy.loseAnswers(produceApi.key, 2)
      await publisher.flush()
    }

    // 1 + 3 + 3 with the lost ones; a topic just made may turn one more away.
    expect(proxy.seen(produceApi.key)).toBeGreaterThanOrEqual(7)
    const values = (await stored(topic, 3)).map(
      ({ partition, offset, value }) => `${partition}@${offset}=${value}`,
    )
    expect(values.toSorted()).toEqual([
      '0@0=0/0',
      '0@1=1/0',
      '0@2=2/0',
      '1@0=0/1',
      '1@1=1/1',
      '1@2=2/1',
      '2@0=0/2',
      '2@1=1/2',
      '2@2=2/2',
    ])
  })

  it('reports where a batch is although the answer that first said so was lost', async () => {
    const topic = await freshTopic(getBroker())
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const publisher = await open(topic, {}, proxy.address)
    publisher.add({ key: null, value: bytes('a') })
    await publisher.flush()

    publisher.add({ key: null, value: bytes('b') })
    proxy.loseAnswers(produceApi.key, 1)

    expect(await publisher.flush()).toEqual([{ partition: 0, baseOffset: 1, recordCount: 1 }])
  })

  it('fails for good when the broker stays away, and never uses its sequence numbers again', async () => {
    const topic = await freshTopic(getBroker())
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const publisher = await open(topic, { deliveryTimeoutMs: 300 }, proxy.address)
    const failed = { code: 'PUBLISH_FAILED', remedy: 'retry' }

    publisher.add({ key: null, value: bytes('lost') })
    proxy.cut()
    await expect(publisher.flush()).rejects.toMatchObject(failed)
    proxy.restore()

    expect(() => publisher.add({ key: null, value: bytes('next') })).toThrow(/may not be stored/)
    await expect(publisher.flush()).rejects.toMatchObject(failed)
    const next = await open(topic)
    expect(next.identity.producerId).not.toBe(publisher.identity.producerId)
    next.add({ key: null, value: bytes('next') })
    await next.flush()
    expect((await stored(topic)).map(({ value }) => value)).toEqual(['next'])
  })

  it('ends a flush under way when it is closed', async () => {
    const topic = await freshTopic(getBroker())
    const proxy = await startFaultyProxy(getBroker().bootstrap)
    onTestFinished(() => proxy.close())
    const publisher = await open(topic, {}, proxy.address)
    publisher.add({ key: null, value: bytes('a') })
    proxy.cut()

    const flushing = publisher.flush()
    await publisher.close()

    await expect(flushing).rejects.toMatchObject({ code: 'PUBLISH_FAILED' })
  })

  it('refuses a record that is too large, and goes on', async () => {
    const topic = await freshTopic(getBroker())
    const publisher = await open(topic)

    expect(() => publisher.add({ key: null, value: Buffer.alloc(1_048_576) })).toThrow(
      /larger than the batch limit/,
    )
    publisher.add({ key: null, value: Buffer.alloc(1_048_000, 'x') })
    publisher.add({ key: null, value: bytes('small') })
    await publisher.flush()

    expect((await stored(topic)).map(({ value }) => value?.length)).toEqual([1_048_000, 5])
  })

  it('tells a broker that refuses for good from one that is away', async () => {
    const topic = await freshTopic(getBroker(), 1, { 'max.message.bytes': '2000' })
    const publisher = await open(topic)
    publisher.add({ key: null, value: Buffer.alloc(5_000) })

    await expect(publisher.flush()).rejects.toMatchObject({ code: 'PUBLISH_FAILED', remedy: 'stop' })
  })

  it('needs an existing topic', async () => {
    await expect(open('no-such-topic')).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  })

  async function open(
    topic: string,
    options: Partial<PublisherOptions> = {},
    address = getBroker().bootstrap,
  ): Promise<Publisher> {
    const settings = { ...settingsFor(getBroker()), brokers: [address] }
    const publisher = await createPublisher(settings, {
      topic,
      log: silentLogger,
      clock: systemClock,
      ...options,
    })
    onTestFinished(() => publisher.close())
    return publisher
  }

  async function stored(topic: string, partitionCount = 1): Promise<(PlainRecord & { partition: number })[]> {
    const client = connectKafka(settingsFor(getBroker()), { log: silentLogger, clock: systemClock })
    onTestFinished(() => client.close())
    const partitions = Array.from({ length: partitionCount }, (_, partition) => partition)
    const ends = await client.listOffsets(topic, partitions, 'latest')
    const reader = client.openReader({
      topic,
      maxBytes: 8_000_000,
      maxWaitMs: 200,
      isolation: 'read_committed',
    })
    const positions = new Map(
      partitions.filter((partition) => (ends.get(partition) ?? 0) > 0).map((partition) => [partition, 0]),
    )
    const records: (PlainRecord & { partition: number })[] = []
    while (positions.size > 0) {
      for (const fetched of await reader.fetch(positions)) {
        if (fetched.kind !== 'records') throw new Error(`fetched ${fetched.kind}`)
        const { partition } = fetched
        records.push(...fetched.batches.flatMap(recordsOf).map((record) => ({ ...record, partition })))
        positions.set(partition, fetched.nextOffset)
        if (fetched.nextOffset >= (ends.get(partition) ?? 0)) positions.delete(partition)
      }
    }
    return records
  }
}
