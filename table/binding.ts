import { randomUUID } from 'node:crypto'
import { SetupError } from '../runtime/errors.ts'
import type { MetaData, Protocol } from './log/actions.ts'
import { schemaString } from './parquet/columns.ts'

/** What a table is bound to for life, fixed when it is created. */
export interface TableBinding {
  topic: string
  group: string
  clusterId: string
  windowMs: number
  /** Names of the dimension columns, 0-3. */
  dimensions: readonly string[]
  partitionBy: readonly PartitionColumn[]
}

export type PartitionColumn = 'event_type' | 'date'

const formatVersion = '1'

/** Version 1 and 2 without features: every reader of Delta tables works. */
export const newProtocol: Protocol = { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 }

export function metaDataOf(binding: TableBinding, nowMs: number): MetaData {
  return {
    kind: 'metaData',
    id: randomUUID(),
    format: { provider: 'parquet', options: {} },
    schemaString: schemaString(binding.dimensions),
    partitionColumns: binding.partitionBy,
    configuration: {
      'dataflow.format': formatVersion,
      'dataflow.topic': binding.topic,
      'dataflow.group': binding.group,
      'dataflow.clusterId': binding.clusterId,
      'dataflow.windowMs': String(binding.windowMs),
      'dataflow.dimensions': binding.dimensions.join(','),
      // Tombstones are carried by every checkpoint: with the default of a week they would be millions.
      'delta.deletedFileRetentionDuration': 'interval 1 hours',
      'delta.logRetentionDuration': 'interval 7 days',
    },
    createdTime: nowMs,
  }
}

/** @throws {SetupError} when the table at `url` was not made by this program, or by a version it does not know */
export function readBinding({ configuration, partitionColumns }: MetaData, url: string): TableBinding {
  const format = configuration['dataflow.format']
  if (format !== formatVersion) {
    const what = format === undefined ? 'is not a DataFlow table' : `has the DataFlow format ${format}, not 1`
    throw new SetupError(`the Delta table at ${url} ${what}; set TABLE_URL to an empty prefix`)
  }
  if (configuration['delta.setTransactionRetentionDuration'] !== undefined) {
    throw new SetupError(
      `the table at ${url} has delta.setTransactionRetentionDuration set, which would expire its offsets; unset it`,
    )
  }
  const read = (name: string): string => {
    const value = configuration[`dataflow.${name}`]
    if (value === undefined) throw new SetupError(`the table at ${url} lacks its setting dataflow.${name}`)
    return value
  }
  const windowMs = Number(read('windowMs'))
  if (!Number.isSafeInteger(windowMs) || windowMs <= 0) {
    throw new SetupError(
      `the table at ${url} has dataflow.windowMs=${read('windowMs')}, which is no window size`,
    )
  }
  return {
    topic: read('topic'),
    group: read('group'),
    clusterId: read('clusterId'),
    windowMs,
    dimensions: read('dimensions').split(',').filter(Boolean),
    partitionBy: partitionColumns.map((name) => {
      if (name === 'event_type' || name === 'date') return name
      throw new SetupError(`the table at ${url} is partitioned by ${name}, which is not supported`)
    }),
  }
}

/** A table keeps what it was made with; anything else would mix numbers that do not add up. */
export function requireSameBinding(found: TableBinding, wanted: TableBinding, url: string): void {
  const settings: [setting: string, found: string, wanted: string, remedy: string][] = [
    ['KAFKA_TOPIC', found.topic, wanted.topic, ''],
    ['KAFKA_GROUP_ID', found.group, wanted.group, ''],
    ['WINDOW_SIZE', `${found.windowMs} ms`, `${wanted.windowMs} ms`, ''],
    ['DIMENSIONS', found.dimensions.join(','), wanted.dimensions.join(','), ''],
    ['PARTITION_BY', found.partitionBy.join(','), wanted.partitionBy.join(','), ''],
    [
      'KAFKA_BROKERS',
      `cluster ${found.clusterId}`,
      `cluster ${wanted.clusterId}`,
      ' (its offsets mean nothing in another Kafka cluster)',
    ],
  ]
  const differing = settings.filter(([, was, is]) => was !== is)
  if (differing.length === 0) return
  const facts = differing.map(
    ([setting, was, is, note]) =>
      `${setting}: the table has ${JSON.stringify(was)}, this process ${JSON.stringify(is)}${note}`,
  )
  const names = differing.map(([setting]) => setting).join(', ')
  throw new SetupError(
    `the table at ${url} was made with other settings. ${facts.join('; ')}. ` +
      `Set ${names} back to what the table has, or set TABLE_URL to an empty prefix to start a new table`,
  )
}
