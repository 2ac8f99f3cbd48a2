import { defineApi } from './api.ts'
import { array, bool, i16, i32, nullableArray, nullableStr, since, str, struct } from './layout.ts'

/** The value of the authorized-operations fields when none were asked for. */
export const noAuthorizedOperations = -2_147_483_648

export const metadata = defineApi({
  name: 'Metadata',
  key: 3,
  versions: [0, 8],
  request: struct({
    /** null: all topics. In version 0 the empty array means all. */
    topics: nullableArray(struct({ name: str })),
    allowAutoTopicCreation: since(4, bool, true),
    includeClusterAuthorizedOperations: since(8, bool, false),
    includeTopicAuthorizedOperations: since(8, bool, false),
  }),
  response: struct({
    throttleTimeMs: since(3, i32, 0),
    brokers: array(struct({ nodeId: i32, host: str, port: i32, rack: since(1, nullableStr, null) })),
    clusterId: since(2, nullableStr, null),
    controllerId: since(1, i32, -1),
    topics: array(
      struct({
        errorCode: i16,
        name: str,
        isInternal: since(1, bool, false),
        partitions: array(
          struct({
            errorCode: i16,
            partitionIndex: i32,
            leaderId: i32,
            leaderEpoch: since(7, i32, -1),
            replicaNodes: array(i32),
            isrNodes: array(i32),
            offlineReplicas: since(5, array(i32), []),
          }),
        ),
        topicAuthorizedOperations: since(8, i32, noAuthorizedOperations),
      }),
    ),
    clusterAuthorizedOperations: since(8, i32, noAuthorizedOperations),
  }),
})
