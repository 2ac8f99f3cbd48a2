import { SetupError } from '../runtime/errors.ts'
import { type CommandContext, exitCodes } from './command-line.ts'
import { askControl } from './control-socket.ts'

export async function run({ config, positionals, note }: CommandContext): Promise<number> {
  const [target] = positionals
  if (!target)
    throw new SetupError(
      'start needs to know what: broker, replay, process or serve; `npm start` or `npx dataflow up` starts everything',
    )
  const reply = await askControl(config.home, { command: 'start', target })
  if (!reply)
    throw new SetupError(
      `nothing runs on ${config.home}: \`npm start\` or \`npx dataflow up\` starts everything`,
    )
  if (!reply.ok) throw new SetupError(reply.message)
  note(`started ${target}`)
  return exitCodes.done
}
