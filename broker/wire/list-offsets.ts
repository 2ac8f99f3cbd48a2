import { defineApi } from './api.ts'
import { array, i8, i16, i32, i64, since, str, struct } from './layout.ts'

/** What ListOffsets answers to instead of a time. */
export const latestTimestamp = -1
export const earliestTimestamp = -2

export const listOffsets = defineApi({
  name: 'ListOffsets',
  key: 2,
  versions: [1, 5],
  request: struct({
    replicaId: i32,
    isolationLevel: since(2, i8, 0),
    topics: array(
      struct({
        name: str,
        partitions: array(
          struct({ partitionIndex: i32, currentLeaderEpoch: since(4, i32, -1), timestamp: i64 }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(2, i32, 0),
    topics: array(
      struct({
        name: str,
        partitions: array(
          struct({
            partitionIndex: i32,
            errorCode: i16,
            timestamp: i64,
            offset: i64,
            leaderEpoch: since(4, i32, -1),
          }),
        ),
      }),
    ),
  }),
})

export const offsetForLeaderEpoch = defineApi({
  name: 'OffsetForLeaderEpoch',
  key: 23,
  versions: [2, 3],
  request: struct({
    replicaId: since(3, i32, -2),
    topics: array(
      struct({
        topic: str,
        partitions: array(struct({ partition: i32, currentLeaderEpoch: i32, leaderEpoch: i32 })),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: i32,
    topics: array(
      struct({
        topic: str,
        partitions: array(struct({ errorCode: i16, partition: i32, leaderEpoch: i32, endOffset: i64 })),
      }),
    ),
  }),
})
