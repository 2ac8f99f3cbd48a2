import {
  deleteGroups,
  describeGroups,
  kafkaError,
  listGroups,
  noAuthorizedOperations,
} from '../../wire/index.ts'
import type { CommittedOffsets } from '../disk/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { Coordinator } from '../groups/coordinator.ts'
import { noAssignment } from '../groups/member.ts'

/** The only kind there is. */
const groupType = 'classic'

export function groupAdminEndpoints(coordinator: Coordinator, offsets: CommittedOffsets): Endpoint[] {
  return [
    endpoint(describeGroups, ({ groups }) => ({
      throttleTimeMs: 0,
      groups: groups.map((groupId) => {
        const group = coordinator.get(groupId)
        const members = group ? [...group.members.values()] : []
        const showsProtocol = group !== undefined && members.length > 0
        return {
          errorCode: kafkaError.NONE,
          groupId,
          groupState: group?.state ?? (offsets.groups.has(groupId) ? 'Empty' : 'Dead'),
          protocolType: group?.protocolType ?? '',
          protocolData: showsProtocol ? group.protocolName : '',
          members: members.map(({ id, clientId, clientHost, protocols, assignment }) => ({
            memberId: id,
            groupInstanceId: null,
            clientId,
            clientHost,
            memberMetadata:
              protocols.find(({ name }) => name === group?.protocolName)?.metadata ?? noAssignment,
            memberAssignment: assignment,
          })),
          authorizedOperations: noAuthorizedOperations,
        }
      }),
    })),

    endpoint(listGroups, ({ statesFilter, typesFilter }) => {
      const ids = new Set([...offsets.groups.keys(), ...coordinator.ids()])
      const states = new Set(statesFilter.map((state) => state.toLowerCase()))
      const types = new Set(typesFilter.map((type) => type.toLowerCase()))
      const groups = [...ids]
        .map((groupId) => {
          const group = coordinator.get(groupId)
          const groupState: string = group?.state ?? 'Empty'
          return { groupId, protocolType: group?.protocolType ?? '', groupState, groupType }
        })
        .filter(({ groupState }) => states.size === 0 || states.has(groupState.toLowerCase()))
        .filter(() => types.size === 0 || types.has(groupType))
      return { throttleTimeMs: 0, errorCode: kafkaError.NONE, groups }
    }),

    endpoint(deleteGroups, async ({ groupNames }) => {
      const results = []
      for (const groupId of groupNames)
        results.push({ groupId, errorCode: await coordinator.delete(groupId) })
      return { throttleTimeMs: 0, results }
    }),
  ]
}
