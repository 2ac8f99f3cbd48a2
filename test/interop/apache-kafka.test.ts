import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { connectKafka, type KafkaClient, type SaslSettings } from '../../broker/client/index.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/log.ts'
import { freshTopic, settingsFor } from '../broker/broker-under-test.ts'
import { groupSuite } from '../broker/group-suite.ts'
import { kafkaSuite } from '../broker/kafka-suite.ts'
import { type ApacheKafka, kafkaUnavailable, startApacheKafka } from './apache-kafka.ts'

const reason = await kafkaUnavailable()
if (reason !== null && process.env.CI) throw new Error(reason)
if (reason !== null) console.warn(`SKIPPED: ${reason}`)

describe.skipIf(reason !== null)('on Apache Kafka', () => {
  let kafka: ApacheKafka
  beforeAll(async () => {
    kafka = await startApacheKafka()
  }, 300_000)
  afterAll(() => kafka?.close())

  kafkaSuite(() => kafka, { transactions: true })
  describe('group membership', () => groupSuite(() => kafka))

  describe('logins', () => {
    it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('logs in with %s', async (mechanism) => {
      const client = connect({ mechanism, ...kafka.credentials })

      await expect(client.clusterId()).resolves.toMatch(/./)
    })

    it.each(['plain', 'scram-sha-256'] as const)('says that %s was refused', async (mechanism) => {
      const client = connect({ mechanism, ...kafka.credentials, password: 'wrong' })

      await expect(client.clusterId()).rejects.toMatchObject({ code: 'SETUP' })
      await expect(client.clusterId()).rejects.toThrow(/refused the login.*KAFKA_SASL/)
    })

    it('hints at the login that a broker wants', async () => {
      await expect(connect().clusterId()).rejects.toThrow(/does it want KAFKA_SSL or KAFKA_SASL/)
    })

    function connect(sasl?: SaslSettings): KafkaClient {
      const settings = { ...settingsFor(kafka), brokers: [kafka.saslBootstrap], ...(sasl && { sasl }) }
      const client = connectKafka(settings, { log: silentLogger, clock: systemClock })
      onTestFinished(() => client.close())
      return client
    }
  })

  it('keeps its topics over a kill', async () => {
    const topic = await freshTopic(kafka, 3)

    await kafka.kill()
    await kafka.restart()

    const client = connectKafka(settingsFor(kafka), { log: silentLogger, clock: systemClock })
    expect(await client.partitions(topic)).toEqual([0, 1, 2])
    await client.close()
  }, 300_000)
})
