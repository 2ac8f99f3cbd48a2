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
