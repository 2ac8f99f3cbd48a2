/**
 * Objects as files under a root folder: key `a/b` is the file `<root>/a/b`.
 *
 * A write is staged as `.tmp-<uuid>` beside its target, fsynced, then published under its name: by rename(2), which
 * replaces, or by link(2), which fails if the name is taken. The folder is fsynced last, so a write that was answered
 * survives a power cut. A crash leaves at most a staged file, which no listing shows and the next write sweeps up.
 */
import { randomUUID } from 'node:crypto'
import { constants, createReadStream } from 'node:fs'
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { readKey, translateFileError, translateWriteError } from './file-errors.ts'
import { infoOf, listFolder } from './file-listing.ts'
import { requirePlainKey, stagedPrefix } from './keys.ts'
import type { ByteRange, ObjectStore } from './object-store.ts'

/** Longer than any write takes: a staged file this old was left by a crash. */
const staleAfterMs = 60 * 60 * 1000
const maxReady = 1_000
const stagedName = /^\.tmp-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The root is made by the first write. */
export function openFileStore(rootPath: string): ObjectStore {
  const root = resolve(rootPath)
  /** Folders that this store has made sure of, and swept. */
  const ready = new Map<string, Promise<void>>()

  const folderFor = (path: string): Promise<void> => {
    const folder = dirname(path)
    const making = ready.get(folder) ?? prepareFolder(folder)
    if (ready.size >= maxReady) ready.clear()
    ready.set(folder, making)
    making.catch(() => ready.delete(folder))
    return making
  }
  const write = async (
    key: string,
    body: Uint8Array,
    publish: (from: string, to: string) => Promise<void>,
  ): Promise<void> => {
    requirePlainKey(key)
    const target = join(root, key)
    try {
      await folderFor(target)
      await writeStaged(target, body, publish)
    } catch (error) {
      // The folder may have been removed under us: make it anew next time.
      ready.delete(dirname(target))
      throw translateWriteError(error, key, root)
    }
  }

  return {
    url: `file:${root.split(sep).join('/').replace(/\/?$/, '/')}`,
    async get(key, range) {
      const path = join(root, readKey(key))
      try {
        return await readBytes(path, range)
      } catch (error) {
        throw translateFileError(error, key, root)
      }
    },
    async *stream(key, { start = 0, signal } = {}) {
      const path = join(root, readKey(key))
      signal?.throwIfAborted()
      const file = createReadStream(path, { start, ...(signal ? { signal } : {}) })
      try {
        for await (const chunk of file) yield chunk
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        throw translateFileError(error, key, root)
      } finally {
        file.destroy()
      }
    },
    put: (key, body) => write(key, body, rename),
    // Not rename(2), which would silently replace what another writer put there first.
    putIfAbsent: (key, body) => write(key, body, link),
    list: (options = {}) => listFolder(root, options),
    async delete(key) {
      const path = join(root, readKey(key))
      try {
        await rm(path, { force: true })
      } catch (error) {
        throw translateFileError(error, key, root)
      }
    },
    async head(key) {
      const path = join(root, readKey(key))
      try {
        const info = infoOf(key, await stat(path, { bigint: true }))
        if (info) return info
      } catch (error) {
        throw translateFileError(error, key, root)
      }
      throw translateFileError({ code: 'EISDIR' }, key, root)
    },
  }
}

async function readBytes(path: string, range: ByteRange = { start: 0 }): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY)
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR' })
    const { size } = stats
    const length = Math.max(0, Math.min(range.end ?? size, size) - range.start)
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, range.start + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled === length ? bytes : bytes.subarray(0, filled)
  } finally {
    await file.close()
  }
}

async function writeStaged(
  target: string,
  body: Uint8Array,
  publish: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const staged = join(dirname(target), `${stagedPrefix}${randomUUID()}`)
  try {
    const file = await open(staged, 'wx')
    try {
      await file.writeFile(body)
      await file.sync()
    } finally {
      await file.close()
    }
    await publish(staged, target)
  } finally {
    await rm(staged, { force: true })
  }
  await syncFolder(dirname(target))
}

/** Makes the folder and its parents durably, and removes what crashed writers staged in it. */
async function prepareFolder(folder: string): Promise<void> {
  const firstMade = await mkdir(folder, { recursive: true })
  if (firstMade !== undefined) {
    const top = dirname(firstMade)
    for (let at = dirname(folder); at.length >= top.length; at = dirname(at)) {
      await syncFolder(at)
      if (at === top || at === dirname(at)) break
    }
    return
  }
  for (const name of await readdir(folder)) {
    if (!stagedName.test(name)) continue
    const path = join(folder, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (Date.now() - mtimeMs > staleAfterMs) await rm(path, { force: true })
  }
}

async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, constants.O_RDONLY)
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  } catch (error) {
    // Some platforms and file systems cannot fsync a folder; there the name's durability is theirs to give.
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES', 'ENOTSUP'].includes(String(code))) throw error
  }
}
