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
    for (const entry of await entriesOf(join(root, folder), root)) {
      const name = await keyPartOf(entry, join(root, folder))
      if (name !== null && isPlainKey(name.replace(/\/$/, ''))) names.push(name)
    }
    // With the slash on its name, a folder sorts where its keys do.
    for (const name of names.sort(compareKeys)) {
      signal?.throwIfAborted()
      const key = folder + name
      if (key.endsWith('/')) {
        const mayMatch = key.startsWith(prefix) || prefix.startsWith(key)
        const mayFollow = compareKeys(key, after) > 0 || after.startsWith(key)
        if (mayMatch && mayFollow) yield* walk(key)
      } else if (key.startsWith(prefix) && compareKeys(key, after) > 0) {
        const info = await statOf(key)
        if (info) yield info
      }
    }
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

/** The entry's name, with a slash for a folder; links are followed, but not to a folder that they lie in. */
async function keyPartOf(entry: Dirent, folder: string): Promise<string | null> {
  if (entry.isDirectory()) return `${entry.name}/`
  if (!entry.isSymbolicLink()) return entry.isFile() ? entry.name : null
  const path = join(folder, entry.name)
  try {
    if (!(await stat(path)).isDirectory()) return entry.name
    const [target, here] = await Promise.all([realpath(path), realpath(folder)])
    return `${here}${sep}`.startsWith(`${target}${sep}`) ? null : `${entry.name}/`
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP'
}
