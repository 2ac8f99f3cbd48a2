import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { childEnvironment } from '../runtime/config.ts'
import { SetupError } from '../runtime/errors.ts'
import { aborted, type ChildReport } from '../runtime/lifecycle.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { type ControlReply, type ControlRequest, listenForControl } from './control-socket.ts'
import { assertLoopback, assertPortFree, placeSample, prepareFolder } from './home.ts'
import { awaitLeftovers, forgetChildren, recordChild } from './leftovers.ts'
import { localFolder } from './locations.ts'
import { type Child, superviseChild } from './supervise.ts'
import { describeParts, printWelcome } from './welcome.ts'
import { openRawStore, openWritableTableStore } from './wiring.ts'

/** Sources stop before what they feed, and the broker last, so that each can finish what it holds. */
const stopOrder = ['replay', 'process', 'serve', 'broker']
const stopGraceMs = 20_000

export async function run(context: CommandContext): Promise<number> {
  const { config, flags, lifecycle, note } = context
  assertLoopback(config.http.host, flags.insecure === true)
  await prepareFolder(config.home, 'DATAFLOW_HOME')
  const children: Child[] = []
  const control = await listenForControl(config.home, (request) => handleControl(children, request))
  try {
    await awaitLeftovers(config.home, note)
    await assertPortFree(config.http.host, config.http.port, 'PORT')
    if (config.kafka.embedded)
      await assertPortFree('127.0.0.1', config.kafka.embeddedPort, 'DATAFLOW_BROKER_PORT')
    // Whatever is wrong with the stores is told here once, not by each child.
    await openRawStore(config)
    await openWritableTableStore(config)
    const rawFolder = localFolder(config.raw.url)
    if (config.raw.embedded && rawFolder && !flags['no-sample'] && (await placeSample(rawFolder)))
      note(`raw folder was empty: sample events put into ${rawFolder}`)
    for (const line of [...describeParts(config), ...config.notices]) note(line)
    return await superviseAll(context, children)
  } finally {
    await stopChildren(children)
    if (children.length > 0) forgetChildren(config.home)
    control.close()
    if (lifecycle.signal.aborted) note('stopped')
  }
}

async function superviseAll(context: CommandContext, children: Child[]): Promise<number> {
  const { config, lifecycle, note } = context
  const gaveUp = new AbortController()
  const ready = new Map<string, () => void>()
  let brokerPort = config.kafka.embeddedPort
  const add = (kind: string, name: string, args: readonly string[] = []): Promise<ChildReport> =>
    new Promise((done) => {
      const child = superviseChild({
        name,
        kind,
        args: [fileURLToPath(new URL('./main.js', import.meta.url)), kind, ...args],
        env: () =>
          childEnvironment({
            ...context.overrides,
            ...(kind === 'broker' ? { DATAFLOW_BROKER_PORT: String(brokerPort) } : brokers()),
          }),
        logFolder: join(config.home, 'logs'),
        onStarted: (pid) => recordChild(config.home, pid),
        onReport: (report) => {
          if (report.kind === 'ready') done(report)
          if (report.kind === 'caught-up') ready.get(name)?.()
        },
        onTrouble: (line) => note(`${name}: ${line}`),
        onGaveUp: () => gaveUp.abort(),
      })
      children.push(child)
      child.start()
    })
  const brokers = () => (config.kafka.embedded ? { KAFKA_BROKERS: `127.0.0.1:${brokerPort}` } : {})
  const ended = Promise.race([aborted(lifecycle.signal), aborted(gaveUp.signal)])
  const orEnd = <T>(work: Promise<T>): Promise<T | undefined> =>
    Promise.race([work, ended.then(() => undefined)])

  if (config.kafka.embedded) {
    const report = await orEnd(add('broker', 'broker'))
    if (report) brokerPort = Number(report.port)
  }
  const replayed = new Promise<void>((done) => ready.set('replay', done))
  if (!lifecycle.signal.aborted && !gaveUp.signal.aborted) {
    const serving = add('serve', 'serve', context.flags.insecure ? ['--insecure'] : [])
    for (let index = 1; index <= config.processors; index++) void add('process', `process-${index}`)
    void add('replay', 'replay', ['--follow'])
    await orEnd(Promise.all([serving, replayed]))
  }
  const kafka = {
    ...config.kafka,
    brokers: config.kafka.embedded ? [`127.0.0.1:${brokerPort}`] : config.kafka.brokers,
  }
  if (!lifecycle.signal.aborted && !gaveUp.signal.aborted)
    await orEnd(printWelcome({ ...context, config: { ...config, kafka } }))
  await ended
  return gaveUp.signal.aborted ? exitCodes.setup : exitCodes.done
}

async function handleControl(children: readonly Child[], request: ControlRequest): Promise<ControlReply> {
  const chosen = children.filter((child) => request.target === undefined || child.kind === request.target)
  if (request.target !== undefined && chosen.length === 0) {
    const kinds = [...new Set(children.map((child) => child.kind))].join(', ')
    throw new SetupError(`${request.target} is not one of the running parts: ${kinds}`)
  }
  if (request.command === 'stop')
    await (request.target === undefined ? stopEverything(children) : stopChildren(chosen))
  if (request.command === 'start')
    for (const child of chosen) if (child.status().state === 'stopped') child.start()
  return { ok: true, children: children.map((child) => child.status()) }
}

async function stopEverything(children: readonly Child[]): Promise<void> {
  await stopChildren(children)
  process.kill(process.pid, 'SIGTERM')
}

async function stopChildren(children: readonly Child[]): Promise<void> {
  for (const kind of stopOrder)
    await Promise.all(children.filter((child) => child.kind === kind).map((child) => child.stop(stopGraceMs)))
}
