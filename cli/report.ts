import { countDeadLetters, deadLetterTopic, type KafkaClient } from '../broker/index.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Config } from '../runtime/config.ts'
import { openStore } from '../storage/index.ts'
import { latestWindowStartMs, openTableForReading, readProgress, tableWatermarkMs } from '../table/index.ts'
import type { CommandContext } from './command-line.ts'
import { askControl, type ChildStatus } from './control-socket.ts'
import { reachKafka } from './wiring.ts'

/** The state of everything, put together from its three sources of truth: `up`, Kafka and the table. */
export interface Report {
  children: ChildStatus[]
  broker: { reachable: true } | { reachable: false; reason: string }
  partitions: PartitionReport[] | null
  /** Records in the topic that the table does not hold yet. */
  lag_records: number | null
  dead_letters: number | null
  table: { version: number; last_commit: string; watermark: string | null } | null
}

export interface PartitionReport {
  partition: number
  /** The oldest offset that a reset can still reach, and when its record was written. */
  oldest_offset: number
  oldest_time: string | null
  end_offset: number
  table_offset: number | null
  committed_offset: number | null
  lag_records: number
}

export async function gatherReport(context: Pick<CommandContext, 'config' | 'log'>): Promise<Report> {
  const { config } = context
  const reply = await askControl(config.home, { command: 'status' })
  const children = reply?.ok ? reply.children : []
  const table = await openTableForReading({
    store: await openStore(config.table.url, config.s3),
    log: context.log,
    clock: systemClock,
  })
  const progress = table
    ? readProgress(table.snapshot(), { group: config.kafka.groupId, topic: config.kafka.topic })
    : new Map()
  const report: Report = {
    children,
    broker: { reachable: true },
    partitions: null,
    lag_records: null,
    dead_letters: null,
    table: null,
  }
  if (table) {
    const snapshot = table.snapshot()
    const latestMs = latestWindowStartMs(snapshot)
    const watermarkMs = tableWatermarkMs(
      progress,
      latestMs === null ? null : latestMs + table.binding.windowMs,
    )
    report.table = {
      version: snapshot.version,
      last_commit: iso(snapshot.lastCommitMs),
      watermark: watermarkMs === null ? null : iso(watermarkMs),
    }
    await table.close()
  }
  const client = await reachKafka(context).catch((error: Error) => {
    report.broker = { reachable: false, reason: error.message }
    return null
  })
  if (!client) return report
  try {
    report.partitions = await partitionReports(client, config, progress)
    report.lag_records = report.partitions.reduce((sum, { lag_records }) => sum + lag_records, 0)
    report.dead_letters = await countDeadLetters(client, deadLetterTopic(config.kafka.topic))
  } finally {
    await client.close()
  }
  return report
}

async function partitionReports(
  client: KafkaClient,
  { kafka }: Config,
  progress: ReadonlyMap<number, { nextOffset: number }>,
): Promise<PartitionReport[]> {
  const partitions = await client.partitions(kafka.topic).catch(() => [])
  if (partitions.length === 0) return []
  const oldest = await client.listOffsets(kafka.topic, partitions, 'earliest')
  const end = await client.listOffsets(kafka.topic, partitions, 'latest')
  const committed = await client.committedOffsets(kafka.groupId, kafka.topic)
  const times = await oldestTimes(client, kafka.topic, oldest)
  return partitions.map((partition) => {
    const oldestOffset = oldest.get(partition) ?? 0
    const endOffset = end.get(partition) ?? 0
    const tableOffset = progress.get(partition)?.nextOffset ?? null
    return {
      partition,
      oldest_offset: oldestOffset,
      oldest_time: times.get(partition) ?? null,
      end_offset: endOffset,
      table_offset: tableOffset,
      committed_offset: committed.get(partition)?.offset ?? null,
      lag_records: Math.max(0, endOffset - (tableOffset ?? oldestOffset)),
    }
  })
}

/** When the oldest record of each partition was written; partitions without records are left out. */
async function oldestTimes(
  client: KafkaClient,
  topic: string,
  oldest: ReadonlyMap<number, number>,
): Promise<Map<number, string>> {
  const times = new Map<number, string>()
  const reader = client.openReader({ topic, maxBytes: 65_536, maxWaitMs: 100, isolation: 'read_committed' })
  try {
    for (const [partition, offset] of oldest)
      for (const answer of await reader.fetch(new Map([[partition, offset]]))) {
        const first = answer.kind === 'records' ? answer.batches[0] : undefined
        if (first) times.set(partition, iso(first.baseTimestampMs))
      }
  } finally {
    await reader.close()
  }
  return times
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
