export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** Writes fixed lower-case messages with facts as fields. Never given payloads or keys. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same logger with `fields` on every line. */
  child(fields: LogFields): Logger
}

export interface LoggerOptions {
  level: LogLevel
  fields?: LogFields
  nowMs?: () => number
  /** Takes one line without its newline; stderr unless told. */
  write?: (line: string) => void
}

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** One JSON object a line: time, level, message, then the fields; errors as {message, code?, stack}. */
export function createLogger(options: LoggerOptions): Logger {
  const {
    level,
    fields = {},
    nowMs = Date.now,
    write = (line) => process.stderr.write(`${line}\n`),
  } = options
  const log = (at: LogLevel, message: string, extra: LogFields = {}): void => {
    if (rank[at] < rank[level]) return
    const time = new Date(nowMs()).toISOString()
    write(JSON.stringify({ time, level: at, message, ...fields, ...extra }, plainValue))
  }
  return {
    debug: (message, extra) => log('debug', message, extra),
    info: (message, extra) => log('info', message, extra),
    warn: (message, extra) => log('warn', message, extra),
    error: (message, extra) => log('error', message, extra),
    child: (more) => createLogger({ ...options, fields: { ...fields, ...more } }),
  }
}

/** For tests and one-shot commands that have nothing to say. */
export const silentLogger: Logger = createLogger({ level: 'error', write: () => {} })

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Map) return Object.fromEntries(value)
  if (!(value instanceof Error)) return value
  return {
    message: value.message,
    code: (value as { code?: unknown }).code,
    stack: value.stack,
    cause: value.cause,
  }
}
