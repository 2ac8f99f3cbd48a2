import type { Clock } from '../../../runtime/clock.ts'
import type { StateLog } from './state-log.ts'

/** What a group committed for one partition, as given: any i64 as a number, so also -1 and -2. */
export interface CommittedOffset {
  offset: number
  leaderEpoch: number
  metadata: string
  committedMs: number
}

export interface OffsetCommit {
  topic: string
  partition: number
  offset: number
  leaderEpoch: number
  metadata: string
}

export interface StoredGroup {
  /** The last one persisted; 0 for a group that only commits. */
  readonly generation: number
  /** topic -> partition -> offset */
  readonly offsets: ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>>
}

/** Consumer groups as far as they outlive a restart. Changes resolve, and show, once written. */
export interface CommittedOffsets {
  readonly groups: ReadonlyMap<string, StoredGroup>
  /** One atomic record: after a crash all of them are there, or none. Creates the group. */
  commit(group: string, offsets: readonly OffsetCommit[]): Promise<void>
  /** Creates the group. */
  setGeneration(group: string, generation: number): Promise<void>
  deleteOffsets(group: string, partitions: readonly { topic: string; partition: number }[]): Promise<void>
  deleteGroup(group: string): Promise<void>
}

export function createCommittedOffsets(stateLog: StateLog, clock: Clock): CommittedOffsets {
  return {
    groups: stateLog.state.groups,

    commit: (group, offsets) =>
      stateLog.append({
        kind: 'offsets',
        group,
        committedMs: clock.nowMs(),
        rows: offsets.map((one) => [one.topic, one.partition, one.offset, one.leaderEpoch, one.metadata]),
      }),

    setGeneration: (group, generation) => stateLog.append({ kind: 'generation', group, generation }),

    deleteOffsets: (group, partitions) =>
      stateLog.append({
        kind: 'offsets_deleted',
        group,
        rows: partitions.map(({ topic, partition }) => [topic, partition]),
      }),

    deleteGroup: (group) => stateLog.append({ kind: 'group_deleted', group }),
  }
}
