import { defineApi } from './api.ts'
import { array, bool, bytes, i16, i32, nullableStr, since, str, struct } from './layout.ts'
import { noAuthorizedOperations } from './metadata.ts'

export const describeGroups = defineApi({
  name: 'DescribeGroups',
  key: 15,
  versions: [0, 4],
  request: struct({ groups: array(str), includeAuthorizedOperations: since(3, bool, false) }),
  response: struct({
    throttleTimeMs: since(1, i32, 0),
    groups: array(
      struct({
        errorCode: i16,
        groupId: str,
        groupState: str,
        protocolType: str,
        protocolData: str,
        members: array(
          struct({
            memberId: str,
            groupInstanceId: since(4, nullableStr, null),
            clientId: str,
            clientHost: str,
            memberMetadata: bytes,
            memberAssignment: bytes,
          }),
        ),
        authorizedOperations: since(3, i32, noAuthorizedOperations),
      }),
    ),
  }),
})

export const listGroups = defineApi({
  name: 'ListGroups',
  key: 16,
  versions: [0, 5],
  flexFrom: 3,
  request: struct({ statesFilter: since(4, array(str), []), typesFilter: since(5, array(str), []) }),
  response: struct({
    throttleTimeMs: since(1, i32, 0),
    errorCode: i16,
    groups: array(
      struct({
        groupId: str,
        protocolType: str,
        groupState: since(4, str, ''),
        groupType: since(5, str, ''),
      }),
    ),
  }),
})

export const deleteGroups = defineApi({
  name: 'DeleteGroups',
  key: 42,
  versions: [0, 1],
  request: struct({ groupNames: array(str) }),
  response: struct({ throttleTimeMs: i32, results: array(struct({ groupId: str, errorCode: i16 })) }),
})
