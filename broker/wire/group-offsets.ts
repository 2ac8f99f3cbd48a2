import { defineApi } from './api.ts'
import {
  array,
  between,
  bool,
  i16,
  i32,
  i64,
  nullableArray,
  nullableStr,
  since,
  str,
  struct,
} from './layout.ts'

export const offsetCommit = defineApi({
  name: 'OffsetCommit',
  key: 8,
  versions: [2, 7],
  request: struct({
    groupId: str,
    generationId: i32,
    memberId: str,
    groupInstanceId: since(7, nullableStr, null),
    retentionTimeMs: between(2, 4, i64, -1),
    topics: array(
      struct({
        name: str,
        partitions: array(
          struct({
            partitionIndex: i32,
            committedOffset: i64,
            committedLeaderEpoch: since(6, i32, -1),
            committedMetadata: nullableStr,
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(3, i32, 0),
    topics: array(struct({ name: str, partitions: array(struct({ partitionIndex: i32, errorCode: i16 })) })),
  }),
})

export const offsetFetch = defineApi({
  name: 'OffsetFetch',
  key: 9,
  versions: [1, 7],
  flexFrom: 6,
  request: struct({
    groupId: str,
    /** null: every topic with a committed offset (version 2 and later). */
    topics: nullableArray(struct({ name: str, partitionIndexes: array(i32) })),
    requireStable: since(7, bool, false),
  }),
  response: struct({
    throttleTimeMs: since(3, i32, 0),
    topics: array(
      struct({
        name: str,
        partitions: array(
          struct({
            partitionIndex: i32,
            committedOffset: i64,
            committedLeaderEpoch: since(5, i32, -1),
            metadata: nullableStr,
            errorCode: i16,
          }),
        ),
      }),
    ),
    errorCode: since(2, i16, 0),
  }),
})

export const offsetDelete = defineApi({
  name: 'OffsetDelete',
  key: 47,
  versions: [0, 0],
  request: struct({
    groupId: str,
    topics: array(struct({ name: str, partitions: array(struct({ partitionIndex: i32 })) })),
  }),
  response: struct({
    errorCode: i16,
    throttleTimeMs: i32,
    topics: array(struct({ name: str, partitions: array(struct({ partitionIndex: i32, errorCode: i16 })) })),
  }),
})
