import { defineApi } from './api.ts'
import { array, bytes, i8, i16, i32, nullableStr, since, str, struct, until } from './layout.ts'

export const findCoordinator = defineApi({
  name: 'FindCoordinator',
  key: 10,
  versions: [0, 2],
  request: struct({
    key: str,
    /** 0 group, 1 transactional id. */
    keyType: since(1, i8, 0),
  }),
  response: struct({
    throttleTimeMs: since(1, i32, 0),
    errorCode: i16,
    errorMessage: since(1, nullableStr, null),
    nodeId: i32,
    host: str,
    port: i32,
  }),
})

export const joinGroup = defineApi({
  name: 'JoinGroup',
  key: 11,
  versions: [0, 5],
  request: struct({
    groupId: str,
    sessionTimeoutMs: i32,
    /** -1 in version 0: the session timeout serves as both. */
    rebalanceTimeoutMs: since(1, i32, -1),
    memberId: str,
    groupInstanceId: since(5, nullableStr, null),
    protocolType: str,
    protocols: array(struct({ name: str, metadata: bytes })),
  }),
  response: struct({
    throttleTimeMs: since(2, i32, 0),
    errorCode: i16,
    generationId: i32,
    protocolName: str,
    leader: str,
    memberId: str,
    members: array(struct({ memberId: str, groupInstanceId: since(5, nullableStr, null), metadata: bytes })),
  }),
})

export const syncGroup = defineApi({
  name: 'SyncGroup',
  key: 14,
  versions: [0, 3],
  request: struct({
    groupId: str,
    generationId: i32,
    memberId: str,
    groupInstanceId: since(3, nullableStr, null),
    assignments: array(struct({ memberId: str, assignment: bytes })),
  }),
  response: struct({ throttleTimeMs: since(1, i32, 0), errorCode: i16, assignment: bytes }),
})

export const heartbeat = defineApi({
  name: 'Heartbeat',
  key: 12,
  versions: [0, 3],
  request: struct({
    groupId: str,
    generationId: i32,
    memberId: str,
    groupInstanceId: since(3, nullableStr, null),
  }),
  response: struct({ throttleTimeMs: since(1, i32, 0), errorCode: i16 }),
})

/** Versions 0-2 let one member leave, version 3 a list. */
export const leaveGroup = defineApi({
  name: 'LeaveGroup',
  key: 13,
  versions: [0, 3],
  request: struct({
    groupId: str,
    memberId: until(2, str, ''),
    members: since(3, array(struct({ memberId: str, groupInstanceId: nullableStr })), []),
  }),
  response: struct({
    throttleTimeMs: since(1, i32, 0),
    errorCode: i16,
    members: since(3, array(struct({ memberId: str, groupInstanceId: nullableStr, errorCode: i16 })), []),
  }),
})
