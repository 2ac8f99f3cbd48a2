/**
 * Starts a real Apache Kafka (one KRaft node, broker and controller in one process) for the interop suites.
 *
 * The jars come from Maven by its ordinary configuration and stay in `.interop/kafka/<version>/`; a node's data
 * lives in a temporary directory and goes with it. Without JDK or Maven `kafkaUnavailable()` says why, so that a
 * suite can skip loudly.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'

const run = promisify(execFile)
const kafkaVersion = '4.3.1'
const jarsDir = resolve(import.meta.dirname, '../../.interop/kafka', kafkaVersion)
// A killed node waits out its own session in the quorum before it serves again.
const startTimeoutMs = 180_000

export interface ApacheKafka {
  /** host:port of the plaintext listener. */
  bootstrap: string
  /** host:port of a SASL_PLAINTEXT listener that takes PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  saslBootstrap: string
  credentials: { username: string; password: string }
  /** Kills the node without any farewell; its data stays until `close`. */
  kill(): Promise<void>
  /** Starts a killed node again on the same ports and data. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Why Apache Kafka cannot run here, or null when it can. */
export async function kafkaUnavailable(): Promise<string | null> {
  for (const [command, flag] of [
    ['java', '-version'],
    ['mvn', '-v'],
  ] as const) {
    if (command === 'mvn' && existsSync(jarsDir)) continue
    try {
      await run(command, [flag])
    } catch {
      return `${command} is missing; Apache Kafka ${kafkaVersion} needs JDK 17 and Maven`
    }
  }
  return null
}

export async function startApacheKafka(): Promise<ApacheKafka> {
  await fetchJars()
  const dir = await mkdtemp(join(tmpdir(), 'dataflow-kafka-'))
  const ports = await freePorts(3)
  const [port = 0, saslPort = 0, controllerPort = 0] = ports
  const credentials = { username: 'ada', password: 'enchantress' }
  const propertiesPath = join(dir, 'server.properties')
  await writeFile(propertiesPath, serverProperties({ dir, port, saslPort, controllerPort, credentials }))
  await format(propertiesPath, credentials)

  const bootstrap = `127.0.0.1:${port}`
  let child = await startNode(dir, propertiesPath, bootstrap)
  return {
    bootstrap,
    saslBootstrap: `127.0.0.1:${saslPort}`,
    credentials,
    kill: () => end(child, 'SIGKILL'),
    async restart() {
      child = await startNode(dir, propertiesPath, bootstrap)
    },
    async close() {
      await end(child, 'SIGKILL')
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Copies Kafka and its dependencies next to each other; a half-done copy is never taken for a whole one. */
async function fetchJars(): Promise<void> {
  if (existsSync(jarsDir)) return
  const parent = resolve(jarsDir, '..')
  await mkdir(parent, { recursive: true })
  const staging = await mkdtemp(join(parent, 'staging-'))
  await writeFile(join(staging, 'pom.xml'), pom)
  await run('mvn', [
    '-q',
    '-B',
    '-f',
    join(staging, 'pom.xml'),
    'dependency:copy-dependencies',
    `-DoutputDirectory=${join(staging, 'jars')}`,
    '-DincludeScope=runtime',
  ])
  try {
    await rename(join(staging, 'jars'), jarsDir)
  } catch (error) {
    // Another run was faster: its copy is as good.
    if ((await readdir(jarsDir).catch(() => [])).length === 0) throw error
  }
  await rm(staging, { recursive: true, force: true })
}

async function format(propertiesPath: string, user: { username: string; password: string }): Promise<void> {
  const clusterId = (await java(['kafka.tools.StorageTool', 'random-uuid'])).trim()
  const secret = `[name=${user.username},password=${user.password}]`
  await java([
    'kafka.tools.StorageTool',
    'format',
    '-t',
    clusterId,
    '-c',
    propertiesPath,
    '--add-scram',
    `SCRAM-SHA-256=${secret}`,
    '--add-scram',
    `SCRAM-SHA-512=${secret}`,
  ])
}

async function java(args: string[]): Promise<string> {
  return (await run('java', ['-cp', join(jarsDir, '*'), ...args])).stdout
}

async function startNode(dir: string, propertiesPath: string, bootstrap: string): Promise<ChildProcess> {
  const child = spawn(
    'java',
    ['-Xmx384m', '-XX:+UseSerialGC', '-cp', join(jarsDir, '*'), 'kafka.Kafka', propertiesPath],
    { cwd: dir, stdio: ['ignore', 'ignore', 'ignore'] },
  )
  // A test runner that ends abruptly must not leave a broker behind.
  process.once('exit', () => child.kill('SIGKILL'))
  const deadlineMs = Date.now() + startTimeoutMs
  while (!(await answers(bootstrap))) {
    if (child.exitCode !== null) throw new Error(`Apache Kafka ended with code ${child.exitCode}`)
    if (Date.now() > deadlineMs) throw new Error('Apache Kafka did not answer in time')
    await delay(100)
  }
  return child
}

async function answers(bootstrap: string): Promise<boolean> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 0 } })
  const admin = kafka.admin()
  try {
    await admin.connect()
    return (await admin.describeCluster()).brokers.length === 1
  } catch {
    return false // not up yet
  } finally {
    await admin.disconnect()
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((done) => child.once('exit', done))
  child.kill(signal)
  await gone
}

/** Kafka must know its ports before it binds them, so they are reserved and given back just before. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const address = server.address()
    if (address !== null && typeof address === 'object') ports.push(address.port)
  }
  for (const server of servers) await new Promise((done) => server.close(done))
  return ports
}

interface NodeSettings {
  dir: string
  port: number
  saslPort: number
  controllerPort: number
  credentials: { username: string; password: string }
}

function serverProperties({ dir, port, saslPort, controllerPort, credentials }: NodeSettings): string {
  const module = 'org.apache.kafka.common.security'
  return `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${saslPort},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL://127.0.0.1:${saslPort}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=${module}.plain.PlainLoginModule required user_${credentials.username}="${credentials.password}";
listener.name.sasl.scram-sha-256.sasl.jaas.config=${module}.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=${module}.scram.ScramLoginModule required;
log.dirs=${join(dir, 'data')}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=100
auto.create.topics.enable=false
`
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dataflow.interop</groupId>
  <artifactId>apache-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${kafkaVersion}</version>
    </dependency>
  </dependencies>
</project>
`
