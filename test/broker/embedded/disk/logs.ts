import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  type DataDir,
  type DataDirOptions,
  openDataDir,
  type PartitionLog,
} from '../../../../broker/embedded/disk/index.ts'
import {
  baseOffsetOf,
  createBatchEncoder,
  createRecordCursor,
  openBatch,
  splitBatches,
} from '../../../../broker/wire/index.ts'
import { createManualClock } from '../../../../runtime/clock.ts'
import { silentLogger } from '../../../../runtime/log.ts'

export interface BatchFacts {
  /** One for each record. */
  timestampsMs?: number[]
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
}

/** A batch as a producer sends it, one record for each value. */
export function batchOf(values: readonly string[], facts: BatchFacts = {}): Buffer {
  const encoder = createBatchEncoder()
  values.forEach((value, i) => {
    encoder.add(facts.timestampsMs?.[i] ?? 1_000, null, Buffer.from(value))
  })
  return encoder.finish({
    producerId: facts.producerId ?? -1,
    producerEpoch: facts.producerEpoch ?? (facts.producerId === undefined ? -1 : 0),
    baseSequence: facts.baseSequence ?? -1,
  })
}

/** `offset=value` of every record in what a read gave. */
export function recordsIn(bytes: Buffer): string[] {
  const cursor = createRecordCursor()
  return splitBatches(bytes).flatMap((batch) => {
    const records: string[] = []
    cursor.reset(openBatch(batch))
    while (cursor.next()) {
      records.push(`${cursor.offset}=${cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd)}`)
    }
    return records
  })
}

/** Everything a consumer from the start of the log would see. */
export async function allRecords(log: PartitionLog, maxBytes = 1_000_000): Promise<string[]> {
  await log.settled()
  const records: string[] = []
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const bytes = await log.read(offset, maxBytes, { upTo: 'hw' })
    const batches = splitBatches(bytes)
    const last = batches.at(-1)
    if (!last) throw new Error(`nothing to read at ${offset}`)
    records.push(...recordsIn(bytes))
    offset = openBatch(last).lastOffset + 1
  }
  return records
}

export const baseOffsets = (bytes: Buffer): number[] =>
  splitBatches(bytes).map((batch) => baseOffsetOf(batch))

export async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dataflow-disk-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

export async function openForTest(dir: string, options: Partial<DataDirOptions> = {}): Promise<DataDir> {
  const dataDir = await openDataDir({
    dir,
    log: silentLogger,
    clock: createManualClock(1_000),
    fsync: 'interval',
    ...options,
  })
  onTestFinished(() => dataDir.close().catch(() => {})) // the test may have closed it
  return dataDir
}

/** The directory as a `kill -9` would leave it at this moment: what was written is there, nothing is closed. */
export async function crashCopy(dir: string): Promise<string> {
  const copy = await temporaryDir()
  await cp(dir, copy, { recursive: true })
  return copy
}

export async function oneLog(dir: string, options: Partial<DataDirOptions> = {}): Promise<PartitionLog> {
  const dataDir = await openForTest(dir, options)
  if (!dataDir.topics.has('clicks')) await dataDir.createTopic('clicks', 1, {})
  return logOf(dataDir)
}

export function logOf(dataDir: DataDir, topic = 'clicks', partition = 0): PartitionLog {
  const log = dataDir.topics.get(topic)?.partitions[partition]
  if (!log) throw new Error(`${topic}/${partition} is not there`)
  return log
}

export const partitionDir = (dir: string, topic = 'clicks', partition = 0): string =>
  join(dir, 'topics', topic, String(partition))

/** Names of the log files, oldest first. */
export async function logFiles(dir: string): Promise<string[]> {
  return (await readdir(partitionDir(dir))).filter((name) => name.endsWith('.log')).sort()
}
