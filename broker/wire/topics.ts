import { defineApi } from './api.ts'
import { array, bool, i16, i32, i64, nullableArray, nullableStr, str, struct } from './layout.ts'

export const createTopics = defineApi({
  name: 'CreateTopics',
  key: 19,
  versions: [2, 4],
  request: struct({
    topics: array(
      struct({
        name: str,
        /** -1: the broker's default (version 4). */
        numPartitions: i32,
        replicationFactor: i16,
        assignments: array(struct({ partitionIndex: i32, brokerIds: array(i32) })),
        configs: array(struct({ name: str, value: nullableStr })),
      }),
    ),
    timeoutMs: i32,
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: i32,
    topics: array(struct({ name: str, errorCode: i16, errorMessage: nullableStr })),
  }),
})

export const deleteTopics = defineApi({
  name: 'DeleteTopics',
  key: 20,
  versions: [1, 3],
  request: struct({ topicNames: array(str), timeoutMs: i32 }),
  response: struct({ throttleTimeMs: i32, responses: array(struct({ name: str, errorCode: i16 })) }),
})

export const createPartitions = defineApi({
  name: 'CreatePartitions',
  key: 37,
  versions: [0, 1],
  request: struct({
    topics: array(
      struct({ name: str, count: i32, assignments: nullableArray(struct({ brokerIds: array(i32) })) }),
    ),
    timeoutMs: i32,
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: i32,
    results: array(struct({ name: str, errorCode: i16, errorMessage: nullableStr })),
  }),
})

export const deleteRecords = defineApi({
  name: 'DeleteRecords',
  key: 21,
  versions: [0, 1],
  request: struct({
    topics: array(
      struct({
        name: str,
        partitions: array(
          struct({
            partitionIndex: i32,
            /** -1: the high watermark. */
            offset: i64,
          }),
        ),
      }),
    ),
    timeoutMs: i32,
  }),
  response: struct({
    throttleTimeMs: i32,
    topics: array(
      struct({
        name: str,
        partitions: array(struct({ partitionIndex: i32, lowWatermark: i64, errorCode: i16 })),
      }),
    ),
  }),
})
