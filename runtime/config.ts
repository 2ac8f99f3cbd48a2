import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { z } from 'zod'
import {
  brokers,
  duration,
  location,
  minuteMs,
  partitionBy,
  retention,
  text,
  wholeNumber,
  windowSize,
} from './config-values.ts'
import { nearest, SetupError } from './errors.ts'
import type { LogLevel } from './log.ts'

/**
 * Every setting, its default beside its meaning. This is the only file that reads the environment.
 * Precedence: flag, environment, `.env` in the working directory, default. A name that is not known is an error when it
 * can only be meant for this product; a setting whose feature is not there yet is refused, so nobody relies on it.
 */
interface Setting {
  fallback: string | null
  meaning: string
  schema: z.ZodType<unknown, string>
  secret?: boolean
}
const setting = <T>(
  schema: z.ZodType<T, string>,
  fallback: string | null,
  meaning: string,
  secret = false,
) => ({ schema, fallback, meaning, secret })
const settings = {
  KAFKA_BROKERS: setting(brokers, null, 'Kafka to use, HOST:PORT,...; unset: the embedded broker'),
  KAFKA_TOPIC: setting(
    text.regex(/^[a-zA-Z0-9._-]{1,240}$/, 'must be a Kafka topic name'),
    'dataflow.events',
    'topic of the events',
  ),
  KAFKA_GROUP_ID: setting(text, 'dataflow', 'consumer group of the processors; a table belongs to one group'),
  KAFKA_PARTITIONS: setting(wholeNumber(1, 1_000), '4', 'partitions of the events topic when it is created'),
  KAFKA_SSL: setting(z.enum(['true', 'false']), 'false', 'true: connect to Kafka by TLS'),
  KAFKA_SASL_MECHANISM: setting(
    z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
    null,
    'SASL mechanism: plain, scram-sha-256 or scram-sha-512',
  ),
  KAFKA_SASL_USERNAME: setting(text, null, 'SASL user'),
  KAFKA_SASL_PASSWORD: setting(text, null, 'SASL password', true),
  EVENTS_RETENTION: setting(
    retention,
    '7d,10GB',
    'how long and how much the events topic keeps, when it is created',
  ),
  RAW_URL: setting(location, null, 'where raw event files are; unset: file: folder raw/ in DATAFLOW_HOME'),
  TABLE_URL: setting(location, null, 'where the table is; unset: file: folder table/ in DATAFLOW_HOME'),
  AWS_ACCESS_KEY_ID: setting(text, null, 'S3 access key; unset: the AWS default chain'),
  AWS_SECRET_ACCESS_KEY: setting(text, null, 'S3 secret key', true),
  AWS_SESSION_TOKEN: setting(text, null, 'S3 session token', true),
  AWS_REGION: setting(text, null, 'S3 region; else AWS_DEFAULT_REGION; else us-east-1 for a custom endpoint'),
  AWS_DEFAULT_REGION: setting(text, null, 'S3 region when AWS_REGION is unset'),
  AWS_ENDPOINT_URL: setting(z.url('must be a URL such as http://127.0.0.1:4566'), null, 'custom S3 endpoint'),
  AWS_ENDPOINT_URL_S3: setting(
    z.url('must be a URL such as http://127.0.0.1:4566'),
    null,
    'custom S3 endpoint, before AWS_ENDPOINT_URL',
  ),
  EVENT_MAP: setting(
    text,
    null,
    'names of foreign fields, such as event_type=type,timestamp=created_at,user_id=actor.login',
  ),
  EVENT_TIMEZONE: setting(text, 'UTC', 'IANA zone of timestamps that carry no offset'),
  EVENT_ENCODING: setting(
    z.enum(['avro', 'json']),
    'avro',
    'how events are written to the topic: avro or json',
  ),
  DIMENSIONS: setting(
    text,
    null,
    'up to 3 breakdown columns, such as country=properties.country; fixed when the table is created',
  ),
  WINDOW_SIZE: setting(windowSize, '1m', 'base window of the table; fixed when the table is created'),
  ALLOWED_LATENESS: setting(
    duration,
    '5m',
    'how far behind the newest event of its partition an event may be before it counts as late',
  ),
  IDLE_TIMEOUT: setting(duration, '10s', 'a partition quiet this long no longer holds back completeness'),
  MAX_FUTURE: setting(duration, '1h', 'an event further ahead of its ingest time than this is a dead letter'),
  FLUSH_INTERVAL: setting(duration, null, 'time between table commits; unset: 1s on file:, 15s on s3://'),
  PARTITION_BY: setting(
    partitionBy,
    'event_type',
    'folders of the table: event_type, date, event_type,date or none; fixed at creation',
  ),
  PROCESSORS: setting(wholeNumber(1, 64), '1', 'processors that `dataflow up` runs'),
  HOST: setting(text, '127.0.0.1', 'address the API listens on'),
  PORT: setting(wholeNumber(0, 65_535), '8000', 'port the API listens on'),
  DATAFLOW_HOME: setting(text, '.dataflow', 'folder of everything local'),
  DATAFLOW_BROKER_PORT: setting(wholeNumber(0, 65_535), '9092', 'port of the embedded broker'),
  DATAFLOW_EMBEDDED: setting(
    z.enum(['allowed', 'never']),
    'allowed',
    'never: an unset outside part is an error, nothing embedded takes its place',
  ),
  LOG_LEVEL: setting(z.enum(['debug', 'info', 'warn', 'error']), 'info', 'debug, info, warn or error'),
} as const

export type SettingName = keyof typeof settings
type Values = { [Name in SettingName]: z.output<(typeof settings)[Name]['schema']> | null }

/** Settings that are planned and not built yet: setting one is an error. */
const later = [
  'QDRANT_URL',
  'QDRANT_API_KEY',
  'DOCS_DIR',
  'OPENAI_BASE_URL',
  'OPENAI_MODEL',
  'OPENAI_EMBEDDING_MODEL',
  'EMBEDDER',
  'ANSWERS',
]
const aliases: Record<string, SettingName> = { KAFKA_BOOTSTRAP_SERVERS: 'KAFKA_BROKERS' }
/** Names people reach for by habit; too far from the right one for an edit distance. */
const habits: Record<string, string> = {
  KAFKA_HOST: 'KAFKA_BROKERS',
  KAFKA_URL: 'KAFKA_BROKERS',
  KAFKA_BROKER_URL: 'KAFKA_BROKERS',
  KAFKA_SERVERS: 'KAFKA_BROKERS',
  BOOTSTRAP_SERVERS: 'KAFKA_BROKERS',
  KAFKA_GROUP: 'KAFKA_GROUP_ID',
  KAFKA_USERNAME: 'KAFKA_SASL_USERNAME',
  KAFKA_PASSWORD: 'KAFKA_SASL_PASSWORD',
  S3_ENDPOINT: 'AWS_ENDPOINT_URL_S3',
  S3_ENDPOINT_URL: 'AWS_ENDPOINT_URL_S3',
  AWS_S3_ENDPOINT: 'AWS_ENDPOINT_URL_S3',
  QDRANT_HOST: 'QDRANT_URL',
  QDRANT_PORT: 'QDRANT_URL',
}

export interface SettingReport {
  name: SettingName
  /** As given; null is unset. Secrets are masked. */
  value: string | null
  source: 'flag' | 'environment' | '.env' | 'default'
  meaning: string
}

export type Config = Readonly<ReturnType<typeof shape>> & {
  readonly report: readonly SettingReport[]
  readonly notices: readonly string[]
}
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * @param flags setting name -> value, from the command line
 * @throws SetupError with every problem found, one a line
 */
export function loadConfig(
  flags: Environment = {},
  env: Environment = process.env,
  dotenv: Environment = readDotenv(),
): Config {
  // The SDK warns on each start that it will drop Node 20; README says it once instead.
  if (env === process.env) process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const problems = [...misnamed(env), ...misnamed(dotenv)]
  const report: SettingReport[] = []
  const values: Record<string, unknown> = {}
  for (const [name, { schema, fallback, meaning, secret }] of Object.entries(settings) as [
    SettingName,
    Setting,
  ][]) {
    const { value, source } = lookUp(name, flags, env, dotenv)
    const given = value ?? fallback
    report.push({ name, value: secret && given !== null ? '********' : given, source, meaning })
    values[name] = null
    if (given === null) continue
    const parsed = schema.safeParse(given)
    if (parsed.success) values[name] = parsed.data
    else
      problems.push(
        `${name}=${secret ? '********' : given}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`,
      )
  }
  const typed = values as Values
  if (problems.length === 0) problems.push(...contradictions(typed))
  if (problems.length > 0) throw new SetupError(problems.join('\n'))
  const notices = env.OPENAI_API_KEY
    ? ['OPENAI_API_KEY is set; answers over the docs are not in this version yet, so it is not used']
    : []
  return Object.freeze({ ...shape(typed), report, notices })
}

/** What a child process inherits: this environment, with the settings that came as flags. */
export function childEnvironment(overrides: Environment): Record<string, string | undefined> {
  return { ...process.env, ...overrides }
}

/** All names that may be set, for flags and for tests of the docs. */
export const settingNames = Object.keys(settings) as readonly SettingName[]

function shape(v: Values) {
  const home = v.DATAFLOW_HOME ?? ''
  const table = v.TABLE_URL ?? `file:${home}/table`
  const sasl = saslOf(v)
  return {
    home,
    logLevel: (v.LOG_LEVEL ?? 'info') as LogLevel,
    kafka: {
      embedded: v.KAFKA_BROKERS === null,
      embeddedPort: v.DATAFLOW_BROKER_PORT ?? 0,
      brokers: v.KAFKA_BROKERS ?? [`127.0.0.1:${v.DATAFLOW_BROKER_PORT}`],
      topic: v.KAFKA_TOPIC ?? '',
      groupId: v.KAFKA_GROUP_ID ?? '',
      partitions: v.KAFKA_PARTITIONS ?? 0,
      ssl: v.KAFKA_SSL === 'true',
      ...(sasl && { sasl }),
      retention: v.EVENTS_RETENTION ?? { ms: -1, bytes: -1 },
    },
    raw: { url: v.RAW_URL ?? `file:${home}/raw`, embedded: v.RAW_URL === null },
    table: { url: table, embedded: v.TABLE_URL === null, partitionBy: v.PARTITION_BY ?? [] },
    s3: {
      ...defined('endpoint', v.AWS_ENDPOINT_URL_S3 ?? v.AWS_ENDPOINT_URL),
      ...defined('region', v.AWS_REGION ?? v.AWS_DEFAULT_REGION),
      ...defined('accessKeyId', v.AWS_ACCESS_KEY_ID),
      ...defined('secretAccessKey', v.AWS_SECRET_ACCESS_KEY),
      ...defined('sessionToken', v.AWS_SESSION_TOKEN),
    },
    events: {
      map: v.EVENT_MAP,
      timezone: v.EVENT_TIMEZONE ?? '',
      encoding: v.EVENT_ENCODING ?? 'avro',
      dimensions: v.DIMENSIONS,
      maxFutureMs: v.MAX_FUTURE ?? 0,
    },
    windows: {
      sizeMs: v.WINDOW_SIZE ?? minuteMs,
      allowedLatenessMs: v.ALLOWED_LATENESS ?? 0,
      idleTimeoutMs: v.IDLE_TIMEOUT ?? 0,
    },
    flushIntervalMs: v.FLUSH_INTERVAL ?? (table.startsWith('s3:') ? 15_000 : 1_000),
    processors: v.PROCESSORS ?? 1,
    http: { host: v.HOST ?? '', port: v.PORT ?? 0 },
  }
}

function saslOf(v: Values) {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = v
  return mechanism && username && password ? { mechanism, username, password } : null
}

function contradictions(v: Values): string[] {
  const problems: string[] = []
  if (v.DATAFLOW_EMBEDDED === 'never')
    for (const name of ['KAFKA_BROKERS', 'RAW_URL', 'TABLE_URL'] as const)
      if (v[name] === null)
        problems.push(`${name} is not set, and DATAFLOW_EMBEDDED=never forbids the embedded one: set ${name}`)
  const sasl = [v.KAFKA_SASL_MECHANISM, v.KAFKA_SASL_USERNAME, v.KAFKA_SASL_PASSWORD].filter(
    (value) => value !== null,
  ).length
  if (sasl !== 0 && sasl !== 3)
    problems.push(
      'SASL needs KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD together: set all three',
    )
  if (v.DATAFLOW_BROKER_PORT !== 0 && v.DATAFLOW_BROKER_PORT === v.PORT && v.KAFKA_BROKERS === null)
    problems.push(`PORT and DATAFLOW_BROKER_PORT are both ${v.PORT}: change one`)
  return problems
}

function misnamed(env: Environment): string[] {
  const known = [...settingNames, ...later, ...Object.keys(aliases)]
  return Object.keys(env).flatMap((name) => {
    if (later.includes(name)) return [`${name} is not supported yet in this version: unset it`]
    if (known.includes(name)) return []
    const near = habits[name] ?? nearest(name, known, 2)
    if (name.startsWith('DATAFLOW_'))
      return [
        `${name} is not a setting: ${near ? `did you mean ${near}?` : '`dataflow config` lists them all'}`,
      ]
    const ours =
      /^(KAFKA|QDRANT|EVENT|EVENTS|RAW|TABLE|OPENAI|AWS_ENDPOINT|BOOTSTRAP|S3|AWS_S3)_/.test(name) &&
      name !== 'OPENAI_API_KEY'
    return ours && near ? [`${name} is not a setting: did you mean ${near}?`] : []
  })
}

function lookUp(
  name: SettingName,
  flags: Environment,
  env: Environment,
  dotenv: Environment,
): { value: string | null; source: SettingReport['source'] } {
  const names = [name, ...Object.keys(aliases).filter((alias) => aliases[alias] === name)]
  for (const [source, from] of [
    ['flag', flags],
    ['environment', env],
    ['.env', dotenv],
  ] as const)
    for (const spelling of names) {
      const value = from[spelling]
      // An empty variable is how compose files and shells say "not set".
      if (value !== undefined && value !== '') return { value, source }
    }
  return { value: null, source: 'default' }
}

function readDotenv(): Environment {
  try {
    return parseEnv(readFileSync('.env', 'utf8'))
  } catch {
    return {} // no .env is the usual case
  }
}

function defined<K extends string, T>(key: K, value: T | null): { [P in K]?: T } {
  return value === null ? {} : ({ [key]: value } as { [P in K]?: T })
}
