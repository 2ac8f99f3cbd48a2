/** How to reach a Kafka cluster; the same for our own client and for kafkajs. */
export interface KafkaSettings {
  /** host:port, at least one; any of them leads to the rest of the cluster. */
  brokers: string[]
  clientId: string
  /** TLS by the system's authorities, or by the given ones (PEM). */
  ssl: boolean | { ca: string }
  sasl?: SaslSettings
}

export interface SaslSettings {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  username: string
  password: string
}
