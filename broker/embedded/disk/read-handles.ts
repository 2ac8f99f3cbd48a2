import { type FileHandle, open } from 'node:fs/promises'

/** Open files for reading, shared by all partitions; those unused the longest are closed beyond a limit. */
export interface ReadHandles {
  /** The handle stays open while `work` runs, also if it is dropped meanwhile. */
  use<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T>
  /** Closes the file, at once or after its last user. */
  drop(path: string): Promise<void>
  close(): Promise<void>
}

interface Entry {
  handle: Promise<FileHandle>
  users: number
  isDropped: boolean
}

export function createReadHandles(limit: number): ReadHandles {
  // A Map keeps insertion order: re-inserting on use makes its first key the one unused the longest.
  const entries = new Map<string, Entry>()

  async function release(entry: Entry): Promise<void> {
    entry.users--
    if (entry.isDropped && entry.users === 0) await (await entry.handle).close()
  }

  async function drop(path: string): Promise<void> {
    const entry = entries.get(path)
    if (!entry) return
    entries.delete(path)
    entry.isDropped = true
    entry.users++
    await release(entry)
  }

  async function evict(): Promise<void> {
    for (const [path, entry] of entries) {
      if (entries.size <= limit) return
      if (entry.users === 0) await drop(path)
    }
  }

  return {
    async use(path, work) {
      const entry = entries.get(path) ?? { handle: open(path, 'r'), users: 0, isDropped: false }
      entries.delete(path)
      entries.set(path, entry)
      entry.users++
      let handle: FileHandle
      try {
        handle = await entry.handle
      } catch (error) {
        // Nothing to close; the next caller tries anew.
        if (entries.get(path) === entry) entries.delete(path)
        throw error
      }
      try {
        return await work(handle)
      } finally {
        await release(entry)
        if (entries.size > limit) await evict()
      }
    },
    drop,
    async close() {
      for (const path of [...entries.keys()]) await drop(path)
    },
  }
}
