import { expect, it } from 'vitest'
import { loadConfig } from '../../runtime/config.ts'

const load = (env: Record<string, string>, flags = {}, dotenv = {}) => loadConfig(flags, env, dotenv)

it('needs no setting at all: every part is then embedded', () => {
  const config = load({})

  expect(config.kafka).toMatchObject({
    embedded: true,
    brokers: ['127.0.0.1:9092'],
    topic: 'dataflow.events',
    partitions: 4,
  })
  expect(config.raw).toEqual({ url: 'file:.dataflow/raw', embedded: true })
  expect(config.windows.sizeMs).toBe(60_000)
  expect(config.flushIntervalMs).toBe(1_000)
})

it('lets a flag win over the environment, and the environment over .env', () => {
  expect(load({ PORT: '2' }, { PORT: '1' }, { PORT: '3' }).http.port).toBe(1)
  expect(load({ PORT: '2' }, {}, { PORT: '3' }).http.port).toBe(2)
  expect(load({}, {}, { PORT: '3' }).http.port).toBe(3)
})

it.each([
  ['DATAFLOW_PORT', 'DATAFLOW_PORT is not a setting'],
  ['DATAFLOW_HOEM', 'did you mean DATAFLOW_HOME?'],
  ['KAFKA_BROKER', 'did you mean KAFKA_BROKERS?'],
  ['KAFKA_HOST', 'did you mean KAFKA_BROKERS?'],
  ['QDRANT_HOST', 'did you mean QDRANT_URL?'],
  ['S3_ENDPOINT', 'did you mean AWS_ENDPOINT_URL_S3?'],
  ['QDRANT_URL', 'QDRANT_URL is not supported yet'],
])('refuses %s and says what to do', (name, message) => {
  expect(() => load({ [name]: 'x' })).toThrow(message)
})

it('leaves the variables of other programs alone', () => {
  const others = {
    KAFKA_HEAP_OPTS: '-Xmx1g',
    KAFKA_HOME: '/opt/kafka',
    HOSTNAME: 'x',
    AWS_PROFILE: 'x',
    OPENAI_API_KEY: 'k',
  }

  expect(load(others).notices).toHaveLength(1)
})

it('reports all problems at once', () => {
  const wrong = () => load({ PORT: 'http', WINDOW_SIZE: '7m', KAFKA_BROKERS: 'localhost', DATAFLOW_X: '1' })

  expect(wrong).toThrow(/DATAFLOW_X[\s\S]*KAFKA_BROKERS=localhost[\s\S]*WINDOW_SIZE=7m[\s\S]*PORT=http/)
})

it('wants every outside part named when nothing embedded may take its place', () => {
  expect(() => load({ DATAFLOW_EMBEDDED: 'never', KAFKA_BROKERS: 'k:9092', TABLE_URL: 's3://b/t' })).toThrow(
    /^RAW_URL is not set/,
  )
})

it('reads durations, retention and partitioning', () => {
  const config = load({
    ALLOWED_LATENESS: '1.5m',
    EVENTS_RETENTION: '3d,2GB',
    PARTITION_BY: 'date',
    TABLE_URL: 's3://bucket/t',
  })

  expect(config.windows.allowedLatenessMs).toBe(90_000)
  expect(config.kafka.retention).toEqual({ ms: 259_200_000, bytes: 2_000_000_000 })
  expect(config.table.partitionBy).toEqual(['date'])
  expect(config.flushIntervalMs).toBe(15_000)
  expect(load({ EVENTS_RETENTION: 'forever' }).kafka.retention).toEqual({ ms: -1, bytes: -1 })
})

it('prefers the S3-specific endpoint and the plain region, and never shows a secret', () => {
  const config = load({
    AWS_ENDPOINT_URL: 'http://a:1',
    AWS_ENDPOINT_URL_S3: 'http://b:2',
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_SECRET_ACCESS_KEY: 'hush',
    KAFKA_BOOTSTRAP_SERVERS: 'k:9092',
  })

  expect(config.s3).toEqual({ endpoint: 'http://b:2', region: 'eu-west-1', secretAccessKey: 'hush' })
  expect(config.kafka.brokers).toEqual(['k:9092'])
  expect(JSON.stringify(config.report)).not.toContain('hush')
})

it('wants SASL whole', () => {
  expect(() => load({ KAFKA_SASL_USERNAME: 'u' })).toThrow('set all three')
})
