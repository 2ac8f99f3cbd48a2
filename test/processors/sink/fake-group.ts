/** The log and the group of one topic, as much of Kafka as INIT and FLUSH talk to. */
import { CommitRejected } from '../../../broker/client/errors.ts'
import type { KafkaClient } from '../../../broker/index.ts'

export interface FakeLog {
  startOffset: number
  endOffset: number
}

export interface FakeGroup {
  readonly logs: Map<number, FakeLog>
  readonly committed: Map<number, { offset: number; metadata: string }>
  /** The generation that may commit, and its members. */
  generationId: number
  members: ReadonlySet<string>
  readonly kafka: Pick<KafkaClient, 'listOffsets' | 'committedOffsets' | 'commitOffsets'>
}

export function createFakeGroup(logs: Record<number, FakeLog>): FakeGroup {
  const held = new Map(Object.entries(logs).map(([partition, log]) => [Number(partition), log]))
  const committed: FakeGroup['committed'] = new Map()
  const group: FakeGroup = {
    logs: held,
    committed,
    generationId: 1,
    members: new Set(['member-1']),
    kafka: {
      async listOffsets(_topic, partitions, at) {
        return new Map(
          partitions.map((partition) => {
            const log = held.get(partition)
            if (!log) throw new Error(`no partition ${partition}`)
            return [partition, at === 'earliest' ? log.startOffset : log.endOffset]
          }),
        )
      },
      committedOffsets: async () => new Map(committed),
      async commitOffsets({ group: name, memberId, generationId, offsets }) {
        if (!group.members.has(memberId)) throw new CommitRejected(name, 'UNKNOWN_MEMBER_ID')
        if (generationId !== group.generationId) throw new CommitRejected(name, 'ILLEGAL_GENERATION')
        for (const { partition, offset, metadata } of offsets) committed.set(partition, { offset, metadata })
      },
    },
  }
  return group
}
