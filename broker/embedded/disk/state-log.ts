import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SetupError } from '../../../runtime/errors.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { FsyncPolicy } from './data-dir.ts'
import { readFileIfThere, replaceFile, writeFully } from './durable-files.ts'
import { PartitionGone, StorageFailed } from './errors.ts'
import { decodeFrames, encodeFrame } from './frames.ts'
import { createGroupSync } from './group-sync.ts'
import {
  applyRecord,
  createStoredState,
  decodeStateRecord,
  encodeStateRecord,
  type StateRecord,
  type StoredState,
  stateRecords,
} from './stored-state.ts'

/**
 * The broker's state other than events: an append-only file of records, replayed at the start and rewritten when it is
 * mostly history. A record shows in `state` once it is written.
 */
export interface StateLog {
  readonly state: StoredState
  /**
   * Resolves when written; with `isDurable`, or fsync `always`, when it survives a power loss.
   * Rejects with {StorageFailed} or {PartitionGone}.
   */
  append(record: StateRecord, options?: { isDurable: boolean }): Promise<void>
  close(): Promise<void>
}

interface Pending {
  record: StateRecord
  resolve(): void
  reject(error: unknown): void
}

const fileName = 'state.log'
const compactionFactor = 4

export interface StateLogOptions {
  dir: string
  fsync: FsyncPolicy
  log: Logger
  /** Below this size the file is never rewritten. */
  minCompactionBytes?: number
}

export async function openStateLog(options: StateLogOptions): Promise<StateLog> {
  const { dir, fsync, log, minCompactionBytes = 256 * 1024 } = options
  const path = join(dir, fileName)
  const state = await replay(path, log)
  let handle = await rewrite()
  let liveBytes = (await handle.stat()).size
  let fileBytes = liveBytes
  let queue: Pending[] = []
  let draining: Promise<void> | null = null
  let refusal: StorageFailed | PartitionGone | null = null

  const groupSync = createGroupSync(
    async () => {
      if (refusal) throw refusal
      try {
        await handle.datasync()
      } catch (error) {
        throw fail(error)
      }
    },
    () => {}, // `fail` has told everyone
  )

  function fail(cause: unknown): StorageFailed | PartitionGone {
    if (refusal) return refusal
    const error = new StorageFailed(fileName, cause)
    log.error('state log stopped, it cannot be written', { error })
    refuse(error)
    return error
  }

  function refuse(error: StorageFailed | PartitionGone): void {
    refusal ??= error
    const refused = queue
    queue = []
    for (const pending of refused) pending.reject(error)
  }

  async function rewrite(): Promise<FileHandle> {
    const frames = stateRecords(state).map((record) => encodeFrame(encodeStateRecord(record)))
    await replaceFile(path, Buffer.concat(frames), fsync !== 'never')
    return open(path, 'r+')
  }

  async function compact(): Promise<void> {
    // A sync of the old file may be running; closing waits for it, and the new file is durable already.
    const old = handle
    handle = await rewrite()
    await old.close()
    liveBytes = (await handle.stat()).size
    fileBytes = liveBytes
  }

  async function drain(): Promise<void> {
    await Promise.resolve()
    while (queue.length > 0) {
      const run = queue
      queue = []
      try {
        const frames = run.map(({ record }) => encodeFrame(encodeStateRecord(record)))
        await writeFully(handle, frames, fileBytes)
        fileBytes += frames.reduce((sum, frame) => sum + frame.length, 0)
        for (const { record } of run) applyRecord(state, record)
        if (fsync === 'interval') groupSync.request()
        if (fileBytes > Math.max(minCompactionBytes, compactionFactor * liveBytes)) await compact()
        for (const pending of run) pending.resolve()
      } catch (error) {
        const refused = fail(error)
        for (const pending of run) pending.reject(refused)
      }
    }
    draining = null
  }

  return {
    state,
    async append(record, { isDurable } = { isDurable: false }) {
      if (refusal) throw refusal
      const written = new Promise<void>((resolve, reject) => queue.push({ record, resolve, reject }))
      draining ??= drain()
      await written
      if (fsync === 'always' || (isDurable && fsync === 'interval')) await groupSync.now()
    },
    async close() {
      await draining
      if (fsync !== 'never' && !refusal) await groupSync.now()
      refuse(new PartitionGone(fileName))
      await handle.close()
    },
  }
}

async function replay(path: string, log: Logger): Promise<StoredState> {
  const state = createStoredState()
  const bytes = await readFileIfThere(path)
  if (!bytes) return state
  const { payloads, validBytes } = decodeFrames(bytes)
  for (const payload of payloads) {
    const record = decodeStateRecord(payload)
    if (!record) throw new SetupError(`${path} was written by a newer version; start that one on it`)
    applyRecord(state, record)
  }
  if (validBytes < bytes.length) {
    // Usually the torn end of a kill; kept in case it is more, for topics hang on this file.
    await writeFile(`${path}.bad`, bytes)
    log.warn('cut off the damaged end of the state log', {
      keptBytes: validBytes,
      lostBytes: bytes.length - validBytes,
      copy: `${path}.bad`,
    })
  }
  return state
}
