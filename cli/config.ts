import { type CommandContext, exitCodes } from './command-line.ts'

/** Prints every setting; loading them has already refused anything wrong. */
export async function run({ config, flags, print, note }: CommandContext): Promise<number> {
  for (const notice of config.notices) note(notice)
  if (flags.json) {
    print(JSON.stringify(config.report, null, 2))
    return exitCodes.done
  }
  const names = Math.max(...config.report.map(({ name }) => name.length))
  const values = Math.min(32, Math.max(...config.report.map(({ value }) => (value ?? 'unset').length)))
  for (const { name, value, source, meaning } of config.report)
    print(`${name.padEnd(names)}  ${(value ?? 'unset').padEnd(values)}  ${source.padEnd(11)}  ${meaning}`)
  return exitCodes.done
}
