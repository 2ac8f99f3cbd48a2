import { open } from 'node:fs/promises'
import type { Logger } from '../../../runtime/log.ts'
import { readFully, syncDirectory } from './durable-files.ts'
import type { LoggedBatch } from './logged-batch.ts'
import { readSnapshot, removeSnapshot } from './producer-snapshot.ts'
import { createProducerStates, type ProducerStates } from './producer-states.ts'
import { createRecoveryScan, type Damage } from './recovery-scan.ts'
import {
  createSegmentFile,
  listSegmentFiles,
  readIndex,
  removeSegmentFiles,
  type Segment,
  type SegmentFile,
  segmentPath,
  setAside,
  writeIndex,
} from './segments.ts'
import { createSparseIndex } from './sparse-index.ts'

/** Where a partition ended when the broker was stopped in order. */
export interface CleanEnd {
  baseOffset: number
  byteLength: number
  nextOffset: number
}

export interface RecoverOptions {
  dir: string
  /** First offset of a partition that has no log yet. */
  startOffset: number
  /** Null after a crash: then the newest segment is read and checked batch by batch. */
  cleanEnd: CleanEnd | null
  isDurable: boolean
  nowMs: number
  log: Logger
}

/**
 * Brings a partition's files back to a log without gaps or damage: what follows a bad batch is cut off, segments after
 * it are set aside. Indexes and producers are taken from their files where these fit, and else rebuilt.
 * @returns at least one segment, oldest first
 */
export async function recoverLog(
  options: RecoverOptions,
): Promise<{ segments: Segment[]; producers: ProducerStates }> {
  const { dir, log } = options
  const files = await listSegmentFiles(dir)
  if (files.length === 0) {
    await createSegmentFile(segmentPath(dir, options.startOffset))
    if (options.isDurable) await syncDirectory(dir)
    files.push(...(await listSegmentFiles(dir)))
  }
  const snapshot = await readSnapshot(dir)
  const replayFrom = snapshot?.offset ?? 0
  const producers = createProducerStates(snapshot?.producers)
  const cleanEnd = endsAt(files.at(-1), options.cleanEnd)

  const segments: Segment[] = []
  let isBroken = false
  for (const [i, file] of files.entries()) {
    const before = segments.at(-1)
    isBroken ||= before !== undefined && before.nextOffset !== file.baseOffset
    if (isBroken) {
      log.error('log file does not continue the one before it, set aside', {
        file: await setAside(file.path),
      })
      continue
    }
    const isLast = i === files.length - 1
    const mustCheck = isLast && cleanEnd === null
    const endOffset = isLast ? cleanEnd?.nextOffset : files[i + 1]?.baseOffset
    const isInSnapshot = endOffset !== undefined && endOffset <= replayFrom
    const index = isInSnapshot ? await readIndex(file) : null
    if (index) {
      segments.push({ ...file, ...index })
      continue
    }
    const { segment, damage } = await scanFile(file, mustCheck, (batch) => {
      if (batch.producerId < 0 || batch.baseOffset < replayFrom) return
      const logAppendTimeMs = batch.isLogAppendTime ? batch.maxTimestampMs : -1
      producers.register(batch, { baseOffset: batch.baseOffset, logAppendTimeMs }, options.nowMs)
    })
    segments.push(segment)
    isBroken = damage !== null && !isLast
    if (damage) await cutOff(file, segment, damage, options)
    else if (!isLast) await writeIndex(segment)
    if (mustCheck && options.isDurable) await syncFile(file.path)
  }

  const end = segments.at(-1)?.nextOffset ?? 0
  if (end < options.startOffset) {
    // Only without syncs: the log was cut below what a user had deleted. None of it is wanted, and no offset is reused.
    for (const segment of segments) await removeSegmentFiles(segment.path)
    await removeSnapshot(dir)
    return recoverLog(options)
  }
  if (replayFrom > end) {
    // The snapshot knows batches that were cut off. The files are sound now, so a second pass reads them all.
    await removeSnapshot(dir)
    return recoverLog(options)
  }
  return { segments, producers }
}

async function scanFile(
  file: SegmentFile,
  checkSums: boolean,
  onBatch: (batch: LoggedBatch) => void,
): Promise<{ segment: Segment; damage: Damage | null }> {
  const index = createSparseIndex(file.baseOffset)
  const scan = createRecoveryScan({
    baseOffset: file.baseOffset,
    checkSums,
    onBatch(batch, position) {
      index.note({ ...batch, position })
      onBatch(batch)
    },
  })
  const handle = await open(file.path, 'r')
  try {
    let buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, file.byteLength))
    for (;;) {
      const filled = await readFully(handle, buffer, scan.validBytes)
      const step = scan.feed(buffer.subarray(0, filled), file.byteLength - scan.validBytes)
      if (step.kind === 'stop') break
      if (step.needBytes > buffer.length) buffer = Buffer.allocUnsafeSlow(step.needBytes)
      else if (filled < step.needBytes) throw new Error(`${file.path} shrank while it was read`)
    }
  } finally {
    await handle.close()
  }
  const segment = { ...file, index, byteLength: scan.validBytes, nextOffset: scan.nextOffset }
  return { segment, damage: scan.damage }
}

const chunkBytes = 4 * 1024 * 1024

async function cutOff(
  file: SegmentFile,
  segment: Segment,
  damage: Damage,
  { log, isDurable }: RecoverOptions,
): Promise<void> {
  const handle = await open(file.path, 'r+')
  try {
    await handle.truncate(segment.byteLength)
    if (isDurable) await handle.sync()
  } finally {
    await handle.close()
  }
  log.warn('cut off the damaged end of a log file', {
    file: file.path,
    damage,
    keptBytes: segment.byteLength,
    lostBytes: file.byteLength - segment.byteLength,
    nextOffset: segment.nextOffset,
  })
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  try {
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

function endsAt(newest: SegmentFile | undefined, cleanEnd: CleanEnd | null): CleanEnd | null {
  const fits = newest?.baseOffset === cleanEnd?.baseOffset && newest?.byteLength === cleanEnd?.byteLength
  return fits ? cleanEnd : null
}
