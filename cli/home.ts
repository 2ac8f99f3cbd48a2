import { constants } from 'node:fs'
import { access, copyFile, mkdir, readdir, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { SetupError } from '../runtime/errors.ts'
import { packageRoot } from './package-root.ts'

/** What must hold before anything is started; each check fails with one line that says what to do. */

/** @throws SetupError when the folder cannot be made or written */
export async function prepareFolder(folder: string, setting: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new SetupError(
      `cannot write to ${resolve(folder)} (${code}): give yourself write permission, or set ${setting} to another folder`,
      error,
    )
  }
}

/** @throws SetupError when the folder is not there */
export async function requireFolder(folder: string, setting: string): Promise<void> {
  const found = await stat(folder).catch(() => null)
  if (!found)
    throw new SetupError(`there is no folder ${folder}: \`mkdir -p ${folder}\`, or correct ${setting}`)
  if (!found.isDirectory())
    throw new SetupError(`${folder} is not a folder: name the folder that holds the files in ${setting}`)
}

/** @throws SetupError when something else listens there */
export function assertPortFree(host: string, port: number, setting: string): Promise<void> {
  return new Promise((done, fail) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => fail(portError(error, host, port, setting)))
    probe.listen(port, host, () => probe.close(() => done()))
  })
}

export function portError(error: NodeJS.ErrnoException, host: string, port: number, setting: string): Error {
  if (error.code === 'EADDRINUSE')
    return new SetupError(
      `port ${port} on ${host} is taken: stop what listens there, or choose another one with ${setting}`,
      error,
    )
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new SetupError(
      `${host} is not an address of this machine: set ${setting === 'PORT' ? 'HOST' : '--listen'} to one that is`,
      error,
    )
  if (error.code === 'EACCES')
    return new SetupError(
      `port ${port} needs more rights than this user has: choose one above 1023 with ${setting}`,
      error,
    )
  return error
}

/** Until API keys exist, whoever reaches the port can read everything. */
export function assertLoopback(host: string, insecure: boolean): void {
  const loopback = host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
  if (!loopback && !insecure)
    throw new SetupError(
      `HOST=${host} opens the API to the network, and it has no authentication yet: keep 127.0.0.1, or add --insecure if the network is trusted`,
    )
}

/** Copies the sample events into an empty raw folder. @returns whether it did */
export async function placeSample(rawFolder: string): Promise<boolean> {
  const present = await readdir(rawFolder)
  if (present.length > 0) return false
  await mkdir(join(rawFolder, 'events'), { recursive: true })
  await copyFile(
    join(packageRoot, 'samples', 'events.ndjson.gz'),
    join(rawFolder, 'events', 'sample-events.ndjson.gz'),
  )
  return true
}
