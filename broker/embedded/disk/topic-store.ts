import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../runtime/clock.ts'
import type { Logger } from '../../../runtime/log.ts'
import type { CleanEnds } from './clean-mark.ts'
import type { DataDir, FsyncPolicy, Topic, TopicConfig } from './data-dir.ts'
import { syncDirectory } from './durable-files.ts'
import { TopicExists } from './errors.ts'
import { type OpenPartition, openPartition } from './partition.ts'
import type { ReadHandles } from './read-handles.ts'
import type { CleanEnd } from './recover-log.ts'
import type { RetentionPolicy } from './retention.ts'
import { listSegmentFiles } from './segments.ts'
import { createSlots, type Slots } from './slots.ts'
import type { StateLog } from './state-log.ts'

/** The topics of a data directory: which there are is the state log's word, their events lie in a folder each. */
export interface TopicStore
  extends Pick<
    DataDir,
    'topics' | 'createTopic' | 'deleteTopic' | 'addPartitions' | 'setTopicConfig' | 'enforceRetention'
  > {
  /** @returns where each partition ended, without those that failed */
  close(): Promise<Map<string, CleanEnd>>
}

export interface TopicStoreOptions {
  dir: string
  log: Logger
  clock: Clock
  fsync: FsyncPolicy
  stateLog: StateLog
  segmentBytes: number
  retention: RetentionPolicy
  handles: ReadHandles
  syncSlots: Slots
  cleanEnds: CleanEnds
}

interface OpenTopic extends Topic {
  config: TopicConfig
  readonly partitions: OpenPartition[]
}

export async function openTopicStore(options: TopicStoreOptions): Promise<TopicStore> {
  const { log, stateLog, cleanEnds } = options
  const isDurable = options.fsync !== 'never'
  const topicsDir = join(options.dir, 'topics')
  // A folder of its own, for any name a deleted topic could be given may be the name of a living one.
  const deletedDir = join(options.dir, 'deleted')
  const topics = new Map<string, OpenTopic>()
  const creating = new Set<string>()
  const oneAtATime = createSlots(1)

  await mkdir(topicsDir, { recursive: true })
  await mkdir(deletedDir, { recursive: true })
  await finishDeletions()
  await settleStrayFolders()
  for (const [name, { partitions, config }] of stateLog.state.topics) {
    topics.set(name, await openTopic(name, partitions, config))
  }

  /** A crash may have come between moving a topic away and writing so. */
  async function finishDeletions(): Promise<void> {
    const present = new Set(await readdir(topicsDir))
    for (const folder of await readdir(deletedDir)) {
      for (const topic of await readdir(join(deletedDir, folder))) {
        if (!stateLog.state.topics.has(topic) || present.has(topic)) continue
        await stateLog.append({ kind: 'topic_deleted', topic }, { isDurable })
      }
      await rm(join(deletedDir, folder), { recursive: true, force: true })
    }
  }

  /** Folders the state log does not know: of a creation cut short, or the log lost its end and with it a topic. */
  async function settleStrayFolders(): Promise<void> {
    for (const topic of await readdir(topicsDir)) {
      if (stateLog.state.topics.has(topic)) continue
      const folder = join(topicsDir, topic)
      const numbers = (await readdir(folder)).filter((name) => /^\d+$/.test(name))
      const files = await Promise.all(numbers.map((number) => listSegmentFiles(join(folder, number))))
      if (files.flat().some(({ byteLength }) => byteLength > 0)) {
        log.error('topic is not in the state log, taken up again with default settings', { topic })
        const partitions = Math.max(...numbers.map(Number)) + 1
        await stateLog.append({ kind: 'topic', topic, partitions, config: {} }, { isDurable })
      } else {
        await rm(folder, { recursive: true, force: true })
      }
    }
  }

  async function openTopic(name: string, partitions: number, config: TopicConfig): Promise<OpenTopic> {
    const topic: OpenTopic = { name, config, partitions: [] }
    topic.partitions.push(...(await openPartitions(topic, 0, partitions)))
    return topic
  }

  async function openPartitions(topic: OpenTopic, from: number, to: number): Promise<OpenPartition[]> {
    const folder = join(topicsDir, topic.name)
    const numbers = Array.from({ length: to - from }, (_, i) => from + i)
    for (const number of numbers) await mkdir(join(folder, String(number)), { recursive: true })
    if (isDurable) for (const parent of [folder, topicsDir]) await syncDirectory(parent)
    const opened: OpenPartition[] = []
    for (const number of numbers) opened.push(await openOne(topic, number))
    return opened
  }

  function openOne(topic: OpenTopic, number: number): Promise<OpenPartition> {
    const name = `${topic.name}/${number}`
    return openPartition({
      ...options,
      name,
      dir: join(topicsDir, topic.name, String(number)),
      config: () => topic.config,
      logStartOffset: stateLog.state.topics.get(topic.name)?.logStarts.get(number) ?? 0,
      saveLogStart: (offset) =>
        stateLog.append(
          { kind: 'log_start', topic: topic.name, partition: number, offset },
          { isDurable: true },
        ),
      cleanEnd: cleanEnds.get(name) ?? null,
    })
  }

  function topicOf(name: string): OpenTopic {
    const topic = topics.get(name)
    if (!topic) throw new Error(`topic ${name} is not there`)
    return topic
  }

  const save = (topic: string, partitions: number, config: TopicConfig): Promise<void> =>
    stateLog.append({ kind: 'topic', topic, partitions, config }, { isDurable: true })

  return {
    topics,

    async createTopic(name, partitions, config) {
      if (topics.has(name) || creating.has(name)) throw new TopicExists(name)
      creating.add(name)
      try {
        return await oneAtATime(async () => {
          const topic = await openTopic(name, partitions, config)
          await save(name, partitions, config)
          topics.set(name, topic)
          return topic
        })
      } finally {
        creating.delete(name)
      }
    },

    async deleteTopic(name) {
      const topic = topics.get(name)
      if (!topic) return
      topics.delete(name)
      await oneAtATime(async () => {
        for (const partition of topic.partitions) await partition.discard()
        const away = await mkdtemp(join(deletedDir, 'topic-'))
        await rename(join(topicsDir, name), join(away, name))
        if (isDurable) for (const parent of [away, deletedDir, topicsDir]) await syncDirectory(parent)
        await stateLog.append({ kind: 'topic_deleted', topic: name }, { isDurable: true })
        await rm(away, { recursive: true, force: true })
      })
    },

    addPartitions: (name, total) =>
      oneAtATime(async () => {
        const topic = topicOf(name)
        // Another may have grown it further while this one waited; fewer would be written down than there are.
        if (total <= topic.partitions.length) return
        const added = await openPartitions(topic, topic.partitions.length, total)
        await save(name, total, topic.config)
        topic.partitions.push(...added)
      }),

    setTopicConfig: (name, config) =>
      oneAtATime(async () => {
        const topic = topicOf(name)
        await save(name, topic.partitions.length, config)
        topic.config = config
      }),

    async enforceRetention(nowMs) {
      for (const topic of topics.values()) {
        for (const partition of topic.partitions) await partition.enforceRetention(nowMs)
      }
    },

    close: () =>
      oneAtATime(async () => {
        const ends = new Map<string, CleanEnd>()
        for (const topic of topics.values()) {
          for (const [number, partition] of topic.partitions.entries()) {
            const name = `${topic.name}/${number}`
            try {
              const end = await partition.close()
              if (end) ends.set(name, end)
            } catch (error) {
              // Its next start looks at every byte; the others must not suffer for it.
              log.error('partition not closed in order', { partition: name, error })
            }
          }
        }
        return ends
      }),
  }
}
