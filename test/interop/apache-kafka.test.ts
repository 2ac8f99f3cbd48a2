import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApacheKafka, kafkaUnavailable, startApacheKafka } from './apache-kafka.ts'

const reason = await kafkaUnavailable()
if (reason !== null && process.env.CI) throw new Error(reason)
if (reason !== null) console.warn(`SKIPPED: ${reason}`)

describe.skipIf(reason !== null)('an Apache Kafka of our own', () => {
  let kafka: ApacheKafka
  beforeAll(async () => {
    kafka = await startApacheKafka()
  }, 180_000)
  afterAll(() => kafka?.close())

  it('answers on loopback and keeps its topics over a kill', async () => {
    const client = new Kafka({ brokers: [kafka.bootstrap], logLevel: logLevel.NOTHING })
    const admin = client.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }] })

    await kafka.kill()
    await kafka.restart()

    expect(await admin.listTopics()).toContain('kept')
    await admin.disconnect()
  }, 120_000)
})
