import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SetupError } from '../runtime/errors.ts'

/**
 * When `up` itself is killed, its children see their channel close and end by themselves, which takes a moment. The next
 * `up` waits for that: they still hold ports and the broker's folder, and two replays must never run at once.
 */
const patienceMs = 30_000

/** Notes a child in the home folder, for the case that this process is killed. */
export function recordChild(home: string, pid: number): void {
  appendFileSync(recordPath(home), `${pid}\n`)
}

export function forgetChildren(home: string): void {
  rmSync(recordPath(home), { force: true })
}

/** @throws SetupError when a process of a killed `up` does not end */
export async function awaitLeftovers(home: string, note: (line: string) => void): Promise<void> {
  let left = recorded(home).filter(isOurs)
  if (left.length > 0) note(`waiting for ${left.length} processes of an earlier run to end`)
  for (
    const deadline = Date.now() + patienceMs;
    left.length > 0 && Date.now() < deadline;
    left = left.filter(isOurs)
  )
    await delay(50)
  if (left.length > 0)
    throw new SetupError(
      `processes ${left.join(', ')} of an earlier run still work on ${home}: \`kill ${left.join(' ')}\``,
    )
  forgetChildren(home)
}

function recorded(home: string): number[] {
  try {
    return readFileSync(recordPath(home), 'utf8').trim().split('\n').map(Number).filter(Number.isInteger)
  } catch {
    return [] // the last run ended in order, or there was none
  }
}

/** Alive, and as far as the system tells not another program that got the number since. */
function isOurs(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return /main\.js/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return true // no /proc on this system
  }
}

function recordPath(home: string): string {
  return join(home, 'children')
}
