import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import type { KafkaSettings } from '../../broker/client/settings.ts'

/** A broker that a suite runs against: the embedded one or Apache Kafka. */
export interface BrokerUnderTest {
  /** host:port */
  bootstrap: string
  close(): Promise<void>
}

/** Returns the broker that the tests of the calling suite share; it runs from their start to their end. */
export type GetBroker = () => BrokerUnderTest

export function settingsFor(broker: BrokerUnderTest): KafkaSettings {
  return { brokers: [broker.bootstrap], clientId: 'dataflow-test', ssl: false }
}

/** A client that shares no code with ours, to judge it by. */
export function kafkaJs(broker: BrokerUnderTest): Kafka {
  return new Kafka({ brokers: [broker.bootstrap], clientId: 'judge', logLevel: logLevel.NOTHING })
}

/** Creates a topic nobody else uses and returns its name. */
export async function freshTopic(
  broker: BrokerUnderTest,
  partitions = 1,
  config: Record<string, string> = {},
): Promise<string> {
  const topic = `t-${randomUUID()}`
  const admin = kafkaJs(broker).admin()
  await admin.connect()
  await admin.createTopics({
    waitForLeaders: true,
    topics: [
      {
        topic,
        numPartitions: partitions,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      },
    ],
  })
  await admin.disconnect()
  return topic
}
