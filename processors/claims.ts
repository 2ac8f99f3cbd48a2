/**
 * The compare-and-swap that everything rests on: a commit moves a partition only while the table still says what the
 * writer believes of it. It is judged on every rebase from the newest snapshot, so a zombie, or a second owner in the
 * middle of a rebalance, loses here and nowhere else.
 */
import { AppError } from '../runtime/errors.ts'
import type { Action, CommitPlan, CommitResult, Snapshot, Table } from '../table/index.ts'
import { type ProgressKey, readProgress } from '../table/index.ts'

/** What a writer believes of one partition. */
export interface Claim {
  partition: number
  /** null: the table has no position for it yet. */
  nextOffset: number | null
  epoch: number
}

export type ClaimedCommit =
  | { kind: 'committed'; version: number }
  /** Somebody else moved these partitions; nothing was written. */
  | { kind: 'lost'; partitions: number[] }
  /** The tenure ended. The commit was not sent, or may yet land whole: the next owner's claims will tell. */
  | { kind: 'ended' }

/** The claims that the table contradicts. */
export function lostPartitions(snapshot: Snapshot, key: ProgressKey, claims: readonly Claim[]): number[] {
  const progress = readProgress(snapshot, key)
  return claims
    .filter(({ partition, nextOffset, epoch }) => {
      const now = progress.get(partition)
      return (now?.nextOffset ?? null) !== nextOffset || (now?.epoch ?? 0) !== epoch
    })
    .map(({ partition }) => partition)
}

/** Commits while every claim holds; all or nothing. */
export async function commitClaimed(
  table: Pick<Table, 'commit'>,
  request: {
    key: ProgressKey
    claims: readonly Claim[]
    signal: AbortSignal
    actions: readonly Action[]
    info: Record<string, unknown>
  },
): Promise<ClaimedCommit> {
  const { key, claims, signal, actions, info } = request
  const plan = (snapshot: Snapshot): CommitPlan | null =>
    signal.aborted || lostPartitions(snapshot, key, claims).length > 0 ? null : { actions, info }
  let result: CommitResult
  try {
    result = await table.commit(plan, { signal })
  } catch (error) {
    if (signal.aborted && error instanceof AppError && error.code === 'COMMIT_ABANDONED')
      return { kind: 'ended' }
    throw error
  }
  if (result.kind === 'committed') return { kind: 'committed', version: result.version }
  const partitions = lostPartitions(result.snapshot, key, claims)
  return partitions.length > 0 ? { kind: 'lost', partitions } : { kind: 'ended' }
}
