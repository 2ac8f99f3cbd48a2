import { defineApi } from './api.ts'
import { array, i8, i16, i32, i64, nullableArray, records, since, str, struct } from './layout.ts'

export const fetch = defineApi({
  name: 'Fetch',
  key: 1,
  versions: [4, 11],
  request: struct({
    replicaId: i32,
    maxWaitMs: i32,
    minBytes: i32,
    maxBytes: i32,
    /** 0 read_uncommitted, 1 read_committed. */
    isolationLevel: i8,
    sessionId: since(7, i32, 0),
    sessionEpoch: since(7, i32, -1),
    topics: array(
      struct({
        topic: str,
        partitions: array(
          struct({
            partition: i32,
            currentLeaderEpoch: since(9, i32, -1),
            fetchOffset: i64,
            logStartOffset: since(5, i64, -1),
            partitionMaxBytes: i32,
          }),
        ),
      }),
    ),
    forgottenTopics: since(7, array(struct({ topic: str, partitions: array(i32) })), []),
    rackId: since(11, str, ''),
  }),
  response: struct({
    throttleTimeMs: i32,
    errorCode: since(7, i16, 0),
    sessionId: since(7, i32, 0),
    topics: array(
      struct({
        topic: str,
        partitions: array(
          struct({
            partition: i32,
            errorCode: i16,
            highWatermark: i64,
            lastStableOffset: i64,
            logStartOffset: since(5, i64, -1),
            abortedTransactions: nullableArray(struct({ producerId: i64, firstOffset: i64 })),
            preferredReadReplica: since(11, i32, -1),
            records,
          }),
        ),
      }),
    ),
  }),
})
