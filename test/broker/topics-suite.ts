import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { ensureTopics } from '../../broker/topics.ts'
import { silentLogger } from '../../runtime/log.ts'
import { freshTopic, type GetBroker, kafkaJs, settingsFor } from './broker-under-test.ts'

export function topicsSuite(getBroker: GetBroker): void {
  it('creates missing topics as wanted, and finds them again', async () => {
    const topic = `new-${randomUUID()}`
    const wanted = [{ topic, partitions: 3, config: { 'retention.ms': '86400000' } }]

    await ensureTopics(settingsFor(getBroker()), wanted, silentLogger)
    await ensureTopics(settingsFor(getBroker()), wanted, silentLogger)

    expect(await describe(topic)).toEqual({ partitions: 3, retentionMs: '86400000' })
  })

  it('creates a topic once when several processes ask at the same time', async () => {
    const topic = `race-${randomUUID()}`
    const wanted = [{ topic, partitions: 2, config: {}, unlimitedRetention: true }]
    const ensure = (): Promise<void> => ensureTopics(settingsFor(getBroker()), wanted, silentLogger)

    await Promise.all([ensure(), ensure(), ensure()])

    expect(await describe(topic)).toEqual({ partitions: 2, retentionMs: '-1' })
  })

  it('refuses a topic that would forget what must be kept, and says how to mend it', async () => {
    const topic = await freshTopic(getBroker(), 1, { 'retention.ms': '604800000' })
    const wanted = [{ topic, partitions: 1, config: {}, unlimitedRetention: true }]

    const ensuring = ensureTopics(settingsFor(getBroker()), wanted, silentLogger)

    await expect(ensuring).rejects.toMatchObject({ code: 'SETUP' })
    await expect(ensuring).rejects.toThrow(
      `topic ${topic} must keep everything for ever but has retention.ms=604800000. Mend it with: kafka-configs.sh --bootstrap-server ${getBroker().bootstrap} --alter --entity-type topics --entity-name ${topic} --add-config retention.ms=-1,retention.bytes=-1,cleanup.policy=delete`,
    )
  })

  async function describe(topic: string): Promise<{ partitions: number; retentionMs: string | undefined }> {
    const admin = kafkaJs(getBroker()).admin()
    await admin.connect()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }],
    })
    await admin.disconnect()
    return {
      partitions: topics[0]?.partitions.length ?? 0,
      retentionMs: resources[0]?.configEntries[0]?.configValue,
    }
  }
}
