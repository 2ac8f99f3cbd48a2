import type { SettingName } from '../runtime/config.ts'
import type { CommandContext } from './command-line.ts'

export interface Flag {
  /** Name of the value it takes; absent: a switch. */
  takes?: string
  meaning: string
  /** The setting that this flag is a short name of. */
  sets?: SettingName
}

export interface Command {
  summary: string
  positionals?: string
  flags?: Readonly<Record<string, Flag>>
  /** Imported only when it runs, so that a broker process never loads the AWS SDK or Arrow. */
  load(): Promise<{ run(context: CommandContext): Promise<number> }>
}

const json: Flag = { meaning: 'print one JSON document' }
const insecure: Flag = { meaning: 'allow a HOST other than loopback: the API has no authentication yet' }

export const commands: Readonly<Record<string, Command>> = {
  up: {
    summary: 'run everything: broker if embedded, replay, processors, API; Ctrl-C stops it in order',
    flags: { insecure, 'no-sample': { meaning: 'leave an empty raw folder empty' } },
    load: () => import('./up.ts'),
  },
  stop: {
    summary: 'stop a running `up`, or only some of its processes',
    positionals: '[broker | replay | process | serve]',
    load: () => import('./stop.ts'),
  },
  start: {
    summary: 'start again what `stop` stopped',
    positionals: 'broker | replay | process | serve',
    load: () => import('./start.ts'),
  },
  status: {
    summary: 'processes, lag per partition, dead letters, table and totals',
    flags: { json },
    load: () => import('./status.ts'),
  },
  config: {
    summary: 'every setting with its value, where it comes from and what it means',
    flags: { json },
    load: () => import('./config.ts'),
  },
  broker: {
    summary: 'run the embedded Kafka broker alone',
    flags: {
      data: { takes: 'DIR', meaning: 'folder of its data; default: broker/ in DATAFLOW_HOME' },
      listen: {
        takes: 'HOST',
        meaning: 'address to listen on; default 127.0.0.1, there is no authentication',
      },
      advertise: {
        takes: 'HOST:PORT',
        meaning: 'address told to clients; default: the one they connected to',
      },
      fsync: { takes: 'POLICY', meaning: 'interval (default), always or never' },
      port: { takes: 'N', meaning: 'port to listen on (DATAFLOW_BROKER_PORT)', sets: 'DATAFLOW_BROKER_PORT' },
    },
    load: () => import('./broker.ts'),
  },
  replay: {
    summary: 'publish the raw event files that are not in the topic yet',
    flags: { follow: { meaning: 'keep watching for new files' } },
    load: () => import('./replay.ts'),
  },
  produce: {
    summary: 'publish events from files or stdin, one JSON object a line',
    positionals: '[FILE ...]',
    flags: {
      demo: { meaning: 'publish generated events with current timestamps' },
      rate: { takes: 'N', meaning: 'with --demo: events a second, default 50' },
      'max-messages': { takes: 'N', meaning: 'with --demo: stop after N events' },
    },
    load: () => import('./produce.ts'),
  },
  consume: {
    summary: 'print the events of the topic as JSON lines',
    flags: {
      'from-beginning': { meaning: 'begin at the oldest event instead of the next one' },
      partition: { takes: 'N', meaning: 'only this partition' },
      offset: { takes: 'N', meaning: 'begin at this offset; wants --partition' },
      'max-messages': { takes: 'N', meaning: 'stop after N events' },
    },
    load: () => import('./consume.ts'),
  },
  process: {
    summary: 'run one processor: events to windowed totals in the table',
    load: () => import('./process.ts'),
  },
  serve: { summary: 'run the HTTP API', flags: { insecure }, load: () => import('./serve.ts') },
}
