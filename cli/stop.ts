import { SetupError } from '../runtime/errors.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { askControl } from './control-socket.ts'

export async function run({ config, positionals, note }: CommandContext): Promise<number> {
  const [target] = positionals
  const reply = await askControl(config.home, { command: 'stop', ...(target && { target }) })
  if (!reply) {
    note(`nothing runs on ${config.home}`)
    return exitCodes.done
  }
  if (!reply.ok) throw new SetupError(reply.message)
  note(target ? `stopped ${target}; \`npx dataflow start ${target}\` starts it again` : 'stopped')
  return exitCodes.done
}
