/**
 * What the ledger topic says about one object; the newest entry of an object counts. One JSON object per record, keyed
 * by the object, with snake_case names:
 *
 *   finished   every line is in the topic, or in the dead letters
 *   progress   the lines up to `line` are; more may be, if `sending` names a producer that was at work then
 */
export type LedgerEntry = FinishedEntry | ProgressEntry

interface ObjectVersion {
  /** The topic that the object was replayed into: one ledger serves several. */
  topic: string
  object: string
  etag: string
  size: number
}

export interface FinishedEntry extends ObjectVersion, ObjectCounts {
  status: 'finished'
  line: number
}

export interface ProgressEntry extends ObjectVersion {
  status: 'progress'
  point: ResumePoint
  /** Null when nothing was sent beyond the point, as after an orderly stop. */
  sending: Sending | null
}

export interface ObjectCounts {
  events: number
  deadLetters: number
}

/** Where to go on: behind `line`, whose counts are of all lines before and including it. */
export interface ResumePoint extends ObjectCounts {
  line: number
  /** Offset of the byte after that line; null inside gzip data, which is read again from its beginning. */
  nextByte: number | null
}

export interface Sending {
  producerId: number
  /** Per partition: none of this producer's records before this offset comes from beyond the point. */
  nextOffsets: ReadonlyMap<number, number>
  /** Per partition: events from beyond the point that were in the topic before this producer went on. */
  alreadySent: ReadonlyMap<number, number>
  /** Stands for all that decides which event a line becomes and where it goes. */
  parsing: string
}

export const objectStart: ResumePoint = { line: 0, nextByte: 0, events: 0, deadLetters: 0 }

export function encodeLedgerEntry(entry: LedgerEntry): Buffer {
  const { topic, object, etag, size, status } = entry
  const counts = entry.status === 'finished' ? entry : entry.point
  return Buffer.from(
    JSON.stringify({
      ...{ object, topic, etag, size, status },
      line: counts.line,
      events: counts.events,
      dead_letters: counts.deadLetters,
      ...(entry.status === 'progress' && {
        next_byte: entry.point.nextByte,
        sending: entry.sending && {
          producer_id: entry.sending.producerId,
          next_offsets: Object.fromEntries(entry.sending.nextOffsets),
          already_sent: Object.fromEntries(entry.sending.alreadySent),
          parsing: entry.sending.parsing,
        },
      }),
    }),
  )
}

/** @returns null for what no replayer wrote */
export function parseLedgerEntry(value: Uint8Array): LedgerEntry | null {
  const fields = parseObject(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString())
  if (fields === null) return null
  const { topic, object, etag, size, status, line, events, dead_letters: deadLetters } = fields
  if (typeof topic !== 'string' || typeof object !== 'string' || typeof etag !== 'string') return null
  if (!isCount(size) || !isCount(line) || !isCount(events) || !isCount(deadLetters)) return null
  const version = { topic, object, etag, size }
  if (status === 'finished') return { ...version, status, line, events, deadLetters }

  const nextByte = fields.next_byte
  if (status !== 'progress' || (nextByte !== null && !isCount(nextByte))) return null
  const sending = fields.sending === null ? null : parseSending(fields.sending)
  if (sending === undefined) return null
  return { ...version, status, point: { line, nextByte, events, deadLetters }, sending }
}

function parseSending(value: unknown): Sending | undefined {
  if (!isRecord(value)) return undefined
  const { producer_id: producerId, parsing } = value
  const nextOffsets = parseNumbers(value.next_offsets)
  const alreadySent = parseNumbers(value.already_sent)
  if (!isCount(producerId) || typeof parsing !== 'string' || !nextOffsets || !alreadySent) return undefined
  return { producerId, nextOffsets, alreadySent, parsing }
}

/** An object of partition to count. */
function parseNumbers(value: unknown): Map<number, number> | undefined {
  if (!isRecord(value)) return undefined
  const numbers = new Map<number, number>()
  for (const [name, number] of Object.entries(value)) {
    const partition = Number(name)
    if (!isCount(partition) || !isCount(number)) return undefined
    numbers.set(partition, number)
  }
  return numbers
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null // not ours; the caller reports it
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
