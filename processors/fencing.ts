import { CommitRejected } from '../broker/index.ts'

const fencing: ReadonlySet<string> = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
])

/** The group answers that this member, or its generation, is not the present one: its partitions may be another's. */
export function isFenced(error: unknown): boolean {
  return error instanceof CommitRejected && fencing.has(error.kafkaError)
}
