import { mkdir } from 'node:fs/promises'
import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import { takeCleanMark, writeCleanMark } from './clean-mark.ts'
import { type CommittedOffsets, createCommittedOffsets } from './committed-offsets.ts'
import { lockDirectory } from './directory-lock.ts'
import { openMeta } from './meta-file.ts'
import type { PartitionLog } from './partition-log.ts'
import { createProducerIds } from './producer-ids.ts'
import { createReadHandles } from './read-handles.ts'
import { createSlots } from './slots.ts'
import { openStateLog } from './state-log.ts'
import { openTopicStore } from './topic-store.ts'

/**
 * When written bytes are forced to the disk. A write that returned survives the death of the process in any case;
 * this is about power loss.
 * - `interval`: acknowledged when written, readable when durable, which is at most 50 ms later on a sane disk
 * - `always`: acknowledged and readable when durable
 * - `never`: left to the operating system
 */
export type FsyncPolicy = 'interval' | 'always' | 'never'

export interface DataDirOptions {
  dir: string
  log: Logger
  clock: Clock
  fsync: FsyncPolicy
  /** A log file is closed and a new one begun before it grows beyond this. Default 256 MiB. */
  segmentBytes?: number
  /** Used for topics that do not set retention.ms / retention.bytes; -1 is unlimited. Default 7 days / -1. */
  retentionMs?: number
  retentionBytes?: number
}

/** Topic settings as Kafka names them; only those that were set. */
export type TopicConfig = Readonly<Record<string, string>>

export interface Topic {
  readonly name: string
  readonly config: TopicConfig
  /** Index is the partition number. */
  readonly partitions: readonly PartitionLog[]
}

/** All that the broker keeps, in one directory held by one process. Changes resolve when they are on disk. */
export interface DataDir {
  readonly clusterId: string
  readonly topics: ReadonlyMap<string, Topic>
  readonly offsets: CommittedOffsets

  /** @throws {TopicExists} also while another call is still creating it */
  createTopic(name: string, partitions: number, config: TopicConfig): Promise<Topic>
  /** The topic leaves `topics` at once, its parked readers are woken; its committed offsets go with it. Absent is fine. */
  deleteTopic(name: string): Promise<void>
  /** Grows the topic to `total` partitions. */
  addPartitions(name: string, total: number): Promise<void>
  /** Replaces the whole set. */
  setTopicConfig(name: string, config: TopicConfig): Promise<void>
  /** Never the same twice, also after a crash. */
  allocateProducerId(): Promise<number>
  /** Removes whole old segments (never the newest) and forgets producers idle for a day. Call it now and then. */
  enforceRetention(nowMs: number): Promise<void>
  /** Finishes writes, makes all durable, leaves the mark that the next start need not recover. */
  close(): Promise<void>
}

const defaultSegmentBytes = 256 * 1024 * 1024
const defaultRetentionMs = 7 * 86_400_000
const maxReadHandles = 256
const maxConcurrentSyncs = 2

/**
 * Locks the directory, recovers what a crash left behind and opens every partition.
 * @throws {SetupError} when another process holds the directory, or its format is not ours
 */
export async function openDataDir(options: DataDirOptions): Promise<DataDir> {
  const { dir, log, clock, fsync } = options
  await mkdir(dir, { recursive: true })
  // Before anything is read: what another process is writing would look like damage.
  const lock = await lockDirectory(dir)
  try {
    const { clusterId, isNew } = await openMeta(dir)
    const cleanEnds = await takeCleanMark(dir)
    if (!cleanEnds && !isNew) log.warn('no mark of an orderly stop, checking the newest log files', { dir })
    const stateLog = await openStateLog({ dir, fsync, log })
    const handles = createReadHandles(maxReadHandles)
    const store = await openTopicStore({
      dir,
      log,
      clock,
      fsync,
      stateLog,
      segmentBytes: options.segmentBytes ?? defaultSegmentBytes,
      retention: {
        retentionMs: options.retentionMs ?? defaultRetentionMs,
        retentionBytes: options.retentionBytes ?? -1,
      },
      handles,
      syncSlots: createSlots(maxConcurrentSyncs),
      cleanEnds: cleanEnds ?? new Map(),
    })
    return {
      clusterId,
      topics: store.topics,
      offsets: createCommittedOffsets(stateLog, clock),
      createTopic: store.createTopic,
      deleteTopic: store.deleteTopic,
      addPartitions: store.addPartitions,
      setTopicConfig: store.setTopicConfig,
      allocateProducerId: createProducerIds(stateLog),
      enforceRetention: store.enforceRetention,
      async close() {
        try {
          const ends = await store.close()
          await handles.close()
          await stateLog.close()
          // Last: it vouches for all of the above.
          await writeCleanMark(dir, ends)
        } finally {
          await lock.release()
        }
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}
