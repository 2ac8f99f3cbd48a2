import { type ParseArgsConfig, parseArgs } from 'node:util'
import { type Config, loadConfig, settingNames } from '../runtime/config.ts'
import { AppError, errorMessage, nearest, SetupError } from '../runtime/errors.ts'
import { createLifecycle, type Lifecycle, reportToParent } from '../runtime/lifecycle.ts'
import { createLogger, type Logger } from '../runtime/log.ts'
import { type Command, commands } from './commands.ts'

/** Exit codes: 0 done, 1 failed while running, 2 wrong usage or a condition that a person must mend first. */
export const exitCodes = { done: 0, failed: 1, setup: 2 } as const

/** What a command gets. Data goes to stdout by `print`, everything else to stderr by `note` or the log. */
export interface CommandContext {
  config: Config
  flags: Readonly<Record<string, string | boolean | undefined>>
  positionals: readonly string[]
  log: Logger
  lifecycle: Lifecycle
  /** Settings given as flags, for handing on to child processes. */
  overrides: Readonly<Record<string, string>>
  print(line: string): void
  note(line: string): void
}

/** Runs one command; every expected error becomes one clear message on stderr. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = argv
  if (['help', '--help', '-h'].includes(name)) return printHelp(rest[0])
  if (name === '--version') return print(`dataflow ${await packageVersion()}`)
  try {
    const command = commands[name]
    if (!command) throw new SetupError(unknownCommand(name))
    if (rest.includes('--help') || rest.includes('-h')) return printHelp(name)
    return await run(name, command, rest)
  } catch (error) {
    return reportFailure(error)
  }
}

async function run(name: string, command: Command, argv: readonly string[]): Promise<number> {
  const { flags, positionals, overrides } = parseCommandArguments(name, command, argv)
  const config = loadConfig(overrides)
  const log = createLogger({ level: config.logLevel, fields: { part: name } })
  const context: CommandContext = {
    config,
    flags,
    positionals,
    overrides,
    log,
    lifecycle: createLifecycle(),
    print,
    // A child's stderr is its log file.
    note: (line) => (process.send ? log.info(line) : void process.stderr.write(`${line}\n`)),
  }
  const { run: runCommand } = await command.load()
  return await runCommand(context)
}

/** Every setting is also a flag: KAFKA_BROKERS is --kafka-brokers. */
function parseCommandArguments(name: string, command: Command, argv: readonly string[]) {
  const settingFlags = new Map(
    settingNames.map((setting) => [setting.toLowerCase().replaceAll('_', '-'), setting]),
  )
  const options: NonNullable<ParseArgsConfig['options']> = {}
  for (const flag of settingFlags.keys()) options[flag] = { type: 'string' }
  for (const [flag, { takes }] of Object.entries(command.flags ?? {}))
    options[flag] = { type: takes ? 'string' : 'boolean' }
  const allowPositionals = command.positionals !== undefined
  const { values, positionals } = parseOrExplain(name, { args: [...argv], options, allowPositionals })
  const overrides: Record<string, string> = {}
  const flags: Record<string, string | boolean | undefined> = {}
  for (const [flag, value] of Object.entries(values)) {
    if (Array.isArray(value)) continue
    const setting = settingFlags.get(flag)
    if (setting && command.flags?.[flag] === undefined) overrides[setting] = String(value)
    else flags[flag] = value
  }
  for (const [flag, { sets }] of Object.entries(command.flags ?? {}))
    if (sets && flags[flag] !== undefined) overrides[sets] = String(flags[flag])
  return { flags, positionals, overrides }
}

function parseOrExplain(name: string, config: ParseArgsConfig) {
  try {
    return parseArgs(config)
  } catch (error) {
    const [, flag = ''] = /Unknown option '--?([^']+)'/.exec(errorMessage(error)) ?? []
    const near = flag && nearest(flag, Object.keys(config.options ?? {}), 3)
    const hint = near ? `did you mean --${near}?` : `\`dataflow ${name} --help\` lists what it takes`
    throw new SetupError(`${errorMessage(error).split('. ')[0]}: ${hint}`, error)
  }
}

function reportFailure(error: unknown): number {
  reportToParent({ kind: 'failed', message: errorMessage(error) })
  if (error instanceof AppError) {
    process.stderr.write(`dataflow: ${error.message}\n`)
    return error.remedy === 'stop' ? exitCodes.setup : exitCodes.failed
  }
  const detail = error instanceof Error ? error.stack : String(error)
  process.stderr.write(`dataflow: unexpected error, please report it\n${detail}\n`)
  return exitCodes.failed
}

function unknownCommand(name: string): string {
  const near = nearest(name, Object.keys(commands), 2)
  return `${name} is not a command: ${near ? `did you mean ${near}?` : '`dataflow help` lists them all'}`
}

function printHelp(name?: string): number {
  const command = name === undefined ? undefined : commands[name]
  if (!command) {
    print('dataflow COMMAND [--SETTING VALUE ...]\n')
    for (const [each, { summary }] of Object.entries(commands)) print(`  ${each.padEnd(9)} ${summary}`)
    print(
      '\n`dataflow COMMAND --help` tells more; `dataflow config` lists the settings, each also a flag (KAFKA_BROKERS: --kafka-brokers).',
    )
    return name === undefined ? exitCodes.done : exitCodes.setup
  }
  print(
    `dataflow ${name}${command.positionals ? ` ${command.positionals}` : ''} [flags]\n\n  ${command.summary}\n`,
  )
  for (const [flag, { takes, meaning }] of Object.entries(command.flags ?? {}))
    print(`  --${(flag + (takes ? ` ${takes}` : '')).padEnd(22)} ${meaning}`)
  return exitCodes.done
}

async function packageVersion(): Promise<string> {
  const { packageFile } = await import('./package-root.ts')
  return String(JSON.parse(await packageFile('package.json', 'utf8')).version)
}

function print(line: string): number {
  process.stdout.write(`${line}\n`)
  return exitCodes.done
}
