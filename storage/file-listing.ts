import type { BigIntStats, Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { translateFileError } from './file-errors.ts'
import { compareKeys, isPlainKey } from './keys.ts'
import type { ListOptions, ObjectInfo } from './object-store.ts'

/**
 * Walks the tree depth first in key order, holding one folder's names per level, and never enters a folder whose keys
 * all miss `prefix` or sort at or before `after`.
 */
export async function* listFolder(
  root: string,
  { prefix = '', after = '', signal }: ListOptions,
): AsyncIterable<ObjectInfo> {
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  if (start !== '' && !isPlainKey(start.slice(0, -1))) return
  yield* walk(start)

  async function* walk(folder: string): AsyncIterable<ObjectInfo> {
    const names: string[] = []
    const path = join(root, folder)
    for (const entry of await entriesOf(path, root)) {
      const name = entry.isSymbolicLink() ? await linkedName(entry.name, path) : ownName(entry)
      // What is sorted is only what is wanted: a long log is listed often, from near its end.
      if (name !== null && isWanted(folder + name) && isPlainKey(name.replace(/\/$/, ''))) names.push(name)
    }
    // With the slash on its name, a folder sorts where its keys do.
    for (const name of names.sort(compareKeys)) {
      signal?.throwIfAborted()
      const key = folder + name
      if (key.endsWith('/')) {
        yield* walk(key)
        continue
      }
      const info = await statOf(key)
      if (info) yield info
    }
  }

  /** Whether the object is to be listed; for a folder, whether any in it may be. */
  function isWanted(key: string): boolean {
    const isFolder = key.endsWith('/')
    const matches = key.startsWith(prefix) || (isFolder && prefix.startsWith(key))
    return matches && (compareKeys(key, after) > 0 || (isFolder && after.startsWith(key)))
  }

  async function statOf(key: string): Promise<ObjectInfo | null> {
    try {
      return infoOf(key, await stat(join(root, key), { bigint: true }))
    } catch (error) {
      if (isGone(error)) return null
      throw translateFileError(error, key, root)
    }
  }
}

/** Null for what is no file. The tag leaves the inode out: some mounts renumber them, and nothing has changed then. */
export function infoOf(key: string, stats: BigIntStats): ObjectInfo | null {
  if (!stats.isFile()) return null
  const etag = `${stats.size.toString(16)}-${stats.mtimeNs.toString(16)}`
  return { key, size: Number(stats.size), etag, modifiedMs: Number(stats.mtimeMs) }
}

async function entriesOf(path: string, root: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (error) {
    if (isGone(error)) return []
    throw translateFileError(error, path, root)
  }
}

/** The entry's name, with a slash for a folder; null for what holds no bytes of its own. */
function ownName(entry: Dirent): string | null {
  if (entry.isDirectory()) return `${entry.name}/`
  return entry.isFile() ? entry.name : null
}

/** The same for a link, by what it leads to; null if that is a folder it lies in, which would go round for ever. */
async function linkedName(name: string, folder: string): Promise<string | null> {
  const path = join(folder, name)
  try {
    if (!(await stat(path)).isDirectory()) return name
    const [target, here] = await Promise.all([realpath(path), realpath(folder)])
    return `${here}${sep}`.startsWith(`${target}${sep}`) ? null : `${name}/`
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP'
}
