import { expect, it, onTestFinished } from 'vitest'
import { connectKafka, createPublisher, type KafkaClient } from '../../broker/client/index.ts'
import {
  countDeadLetters,
  createDeadLetters,
  type DeadLetter,
  type DeadLetters,
  readDeadLetters,
  type StoredDeadLetter,
} from '../../broker/dead-letter.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { freshTopic, type GetBroker, kafkaJs, settingsFor } from './broker-under-test.ts'

const letter: DeadLetter = {
  origin: 'events/2024/a.ndjson#17',
  value: Buffer.from('{"event_type":'),
  reason: 'not_json',
  message: 'unexpected end',
  stage: 'replay',
  timeMs: Date.parse('2024-05-06T07:08:09.123Z'),
}

export function deadLetterSuite(getBroker: GetBroker): void {
  it('keeps the original bytes, with the origin as key and the facts as headers', async () => {
    const topic = await freshTopic(getBroker())
    const letters = await open(topic)

    letters.add(letter)
    letters.add({ ...letter, origin: 'dataflow.events/0/5', value: null, stage: 'process' })
    await letters.flush()

    expect(await list(topic)).toEqual([
      { ...letter, partition: 0, offset: 0, truncatedFrom: null },
      {
        ...letter,
        origin: 'dataflow.events/0/5',
        value: null,
        stage: 'process',
        partition: 0,
        offset: 1,
        truncatedFrom: null,
      },
    ])
    const [message] = await firstMessages(topic)
    expect(message).toEqual({
      key: 'events/2024/a.ndjson#17',
      value: '{"event_type":',
      headers: {
        reason: 'not_json',
        message: 'unexpected end',
        stage: 'replay',
        origin: 'events/2024/a.ndjson#17',
        time: '2024-05-06T07:08:09.123Z',
      },
    })
  })

  it('counts a letter that was written twice once', async () => {
    const topic = await freshTopic(getBroker(), 2)
    const letters = await open(topic)

    for (const line of [1, 2, 3, 1, 2]) letters.add({ ...letter, origin: `a#${line}` })
    await letters.flush()

    expect(await countDeadLetters(client(), topic)).toBe(3)
    expect(await list(topic)).toHaveLength(5)
  })

  it('cuts a value that leaves no room for the facts, and says how long it was', async () => {
    const topic = await freshTopic(getBroker())
    const letters = await open(topic)

    letters.add({ ...letter, value: Buffer.alloc(1_048_500, 'y') })
    await letters.flush()

    const [stored] = await list(topic)
    expect(stored?.value?.length).toBe(524_288)
    expect(stored?.truncatedFrom).toBe(1_048_500)
  })

  it('has no letters where there is no topic', async () => {
    expect(await countDeadLetters(client(), 'never-made.dlq')).toBe(0)
  })

  function client(): KafkaClient {
    const opened = connectKafka(settingsFor(getBroker()), { log: silentLogger, clock: systemClock })
    onTestFinished(() => opened.close())
    return opened
  }

  async function open(topic: string): Promise<DeadLetters> {
    const options = { topic, log: silentLogger, clock: systemClock }
    const letters = createDeadLetters(await createPublisher(settingsFor(getBroker()), options))
    onTestFinished(() => letters.close())
    return letters
  }

  async function list(topic: string): Promise<StoredDeadLetter[]> {
    const found: StoredDeadLetter[] = []
    for await (const stored of readDeadLetters(client(), topic)) found.push(stored)
    return found
  }

  async function firstMessages(topic: string): Promise<unknown[]> {
    const consumer = kafkaJs(getBroker()).consumer({ groupId: `judge-${topic}`, maxWaitTimeInMs: 100 })
    const messages: unknown[] = []
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await new Promise<void>((done, failed) => {
      consumer
        .run({
          eachMessage: async ({ message: { key, value, headers } }) => {
            messages.push({
              key: String(key),
              value: String(value),
              headers: Object.fromEntries(
                Object.entries(headers ?? {}).map(([name, text]) => [name, String(text)]),
              ),
            })
            done()
          },
        })
        .catch(failed)
    })
    await consumer.disconnect()
    return messages
  }
}
