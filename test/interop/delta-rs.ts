/** delta-rs, from PyPI in a virtual environment of its own under `.interop/`: a Delta reader that others wrote. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const packages = ['deltalake==1.6.6', 'pyarrow==26.0.1']
const home = resolve(import.meta.dirname, '../../.interop', packages.join('-').replaceAll('==', '-'))

export interface DeltaRsView {
  version: number
  /** Arrow types by column. */
  types: Record<string, string>
  /** Timestamps as epoch ms, dates as text. */
  rows: Record<string, unknown>[]
  /** Version of the txn of Kafka partition 0. */
  txn: number | null
}

/** Why delta-rs cannot run here, or null when it can. */
export async function deltaRsUnavailable(): Promise<string | null> {
  if (existsSync(home)) return null
  try {
    await run('python3', ['-c', 'import venv, ensurepip'])
    return null
  } catch {
    return 'python3 with venv is missing; delta-rs needs it'
  }
}

/** Fetches delta-rs by pip unless it is there. */
export async function fetchDeltaRs(): Promise<void> {
  if (existsSync(home)) return
  // A virtual environment cannot be moved, so an unfinished one is known by a mark beside it.
  const unfinished = `${home}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await run('python3', ['-m', 'venv', unfinished])
  await run(join(unfinished, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...packages])
  await rename(unfinished, home)
}

export async function readByDeltaRs(path: string, ...commands: 'compact'[]): Promise<DeltaRsView> {
  const script = join(import.meta.dirname, 'delta_rs.py')
  const { stdout } = await run(join(home, 'bin/python'), [script, path, ...commands], { maxBuffer: 64 << 20 })
  return JSON.parse(stdout) as DeltaRsView
}
