import type { TopicConfig } from './disk/index.ts'

/** The topic settings this broker knows. A setting without effect is refused, never taken and ignored. */
export interface TopicDefaults {
  retentionMs: number
  retentionBytes: number
  segmentBytes: number
}

interface Setting {
  /** ConfigDef.Type as DescribeConfigs numbers it: 2 string, 3 int, 5 long, 7 list. */
  type: number
  defaultOf: (defaults: TopicDefaults) => string
  accepts: (value: string) => boolean
  wants: string
}

const whole = /^-?\d{1,15}$/
const wholeFrom =
  (min: number) =>
  (value: string): boolean =>
    whole.test(value) && Number(value) >= min
const policies = new Set(['delete', 'compact', 'compact,delete', 'delete,compact'])

const settings: Readonly<Record<string, Setting>> = {
  'cleanup.policy': {
    type: 7,
    defaultOf: () => 'delete',
    accepts: (value) => policies.has(value),
    wants: 'delete, compact, or both',
  },
  'compression.type': {
    type: 2,
    defaultOf: () => 'producer',
    accepts: (value) => value === 'producer',
    wants: 'producer: batches are kept as they came',
  },
  'max.message.bytes': {
    type: 3,
    defaultOf: () => '1048588',
    accepts: wholeFrom(0),
    wants: 'bytes, 0 or more',
  },
  'message.timestamp.type': {
    type: 2,
    defaultOf: () => 'CreateTime',
    accepts: (value) => value === 'CreateTime' || value === 'LogAppendTime',
    wants: 'CreateTime or LogAppendTime',
  },
  'min.insync.replicas': {
    type: 3,
    defaultOf: () => '1',
    accepts: (value) => value === '1',
    wants: '1: this is a broker of one node',
  },
  'retention.bytes': {
    type: 5,
    defaultOf: ({ retentionBytes }) => String(retentionBytes),
    accepts: wholeFrom(-1),
    wants: 'bytes, or -1 for no limit',
  },
  'retention.ms': {
    type: 5,
    defaultOf: ({ retentionMs }) => String(retentionMs),
    accepts: wholeFrom(-1),
    wants: 'milliseconds, or -1 for no limit',
  },
  'segment.bytes': {
    type: 3,
    defaultOf: ({ segmentBytes }) => String(segmentBytes),
    accepts: wholeFrom(1_024),
    wants: 'bytes, 1024 or more',
  },
}

/** What is wrong with these settings, or null. */
export function configProblem(config: TopicConfig): string | null {
  for (const [name, value] of Object.entries(config)) {
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (!setting)
      return `${name} is not a setting of this broker; known are ${Object.keys(settings).join(', ')}`
    if (!setting.accepts(value)) return `${name}=${value} is not possible; it takes ${setting.wants}`
  }
  return null
}

export interface EffectiveSetting {
  name: string
  value: string
  type: number
  /** Set on the topic, or the default. */
  isSet: boolean
  defaultValue: string
}

/** Every setting with the value that holds, by name. */
export function effectiveConfig(config: TopicConfig, defaults: TopicDefaults): EffectiveSetting[] {
  return Object.entries(settings).map(([name, setting]) => {
    const defaultValue = setting.defaultOf(defaults)
    const own = config[name]
    return { name, value: own ?? defaultValue, type: setting.type, isSet: own !== undefined, defaultValue }
  })
}

export function maxMessageBytes(config: TopicConfig): number {
  return Number(config['max.message.bytes'] ?? 1_048_588)
}
