/**
 * The metadata beside a committed Kafka offset. It says "DataFlow wrote this offset, for this table", so that an offset
 * which a person or another tool committed later is recognisable: such a tool leaves the metadata empty.
 */
export interface Checkpoint {
  /** The first eight characters of the table's id. */
  tableId: string
  topic: string
  partition: number
  /** The next offset to read. */
  offset: number
  /** The table version that holds this offset; informs people, decides nothing. */
  version: number
}

/** As much of a table's id as a checkpoint carries: enough to tell two tables apart, short enough to read. */
export function shortTableId(id: string): string {
  return id.slice(0, 8)
}

export function encodeCheckpoint({ tableId, topic, partition, offset, version }: Checkpoint): string {
  return JSON.stringify({ dataflow: 1, table: tableId, tp: `${topic}/${partition}`, offset, version })
}

/** @returns null for anything that DataFlow did not write, such as the empty text of Kafka's own tools */
export function parseCheckpoint(metadata: string): Checkpoint | null {
  const fields = parseObject(metadata)
  if (fields?.dataflow !== 1) return null
  const { table, tp, offset, version } = fields
  if (typeof table !== 'string' || typeof tp !== 'string') return null
  if (typeof offset !== 'number' || typeof version !== 'number') return null
  // A topic's name cannot hold a slash, so the last one ends it.
  const slash = tp.lastIndexOf('/')
  const partition = Number(tp.slice(slash + 1))
  if (slash < 1 || slash === tp.length - 1 || !Number.isInteger(partition)) return null
  return { tableId: table, topic: tp.slice(0, slash), partition, offset, version }
}

/**
 * Whether this committed offset is the mirror of this table's own position. A tool that moves the offset but copies
 * the metadata does not pass: the offset inside must equal the offset beside it.
 */
export function isOwnCheckpoint(
  committed: { offset: number; metadata: string },
  own: { tableId: string; topic: string; partition: number },
): boolean {
  const checkpoint = parseCheckpoint(committed.metadata)
  return (
    checkpoint !== null &&
    checkpoint.tableId === own.tableId &&
    checkpoint.topic === own.topic &&
    checkpoint.partition === own.partition &&
    checkpoint.offset === committed.offset
  )
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    return value as Record<string, unknown>
  } catch {
    return null // not JSON: somebody else's metadata
  }
}
