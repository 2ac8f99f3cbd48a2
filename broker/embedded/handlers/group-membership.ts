import { findCoordinator, heartbeat, joinGroup, kafkaError, leaveGroup, syncGroup } from '../../wire/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { Coordinator } from '../groups/coordinator.ts'
import { syncAnswer } from '../groups/member.ts'
import { type Advertise, nodeId } from './metadata.ts'

/** From this version on a newcomer is given its id before it may join. */
const firstJoinWithMemberId = 4
const firstLeaveOfMany = 3

export function groupMembershipEndpoints(coordinator: Coordinator, advertise: Advertise): Endpoint[] {
  const leave = (groupId: string, memberId: string): number =>
    coordinator.get(groupId)?.leave(memberId) ?? kafkaError.UNKNOWN_MEMBER_ID
  return [
    endpoint(findCoordinator, (_, context) => ({
      throttleTimeMs: 0,
      errorCode: kafkaError.NONE,
      errorMessage: null,
      nodeId,
      ...advertise(context),
    })),

    endpoint(joinGroup, (request, { version, clientId, clientHost }) =>
      coordinator.join(copyOf(request), { clientId, clientHost }, version >= firstJoinWithMemberId),
    ),

    endpoint(
      syncGroup,
      (request) =>
        coordinator.get(request.groupId)?.sync(request) ?? syncAnswer(kafkaError.UNKNOWN_MEMBER_ID),
    ),

    endpoint(heartbeat, ({ groupId, memberId, generationId }) => ({
      throttleTimeMs: 0,
      errorCode: coordinator.get(groupId)?.heartbeat(memberId, generationId) ?? kafkaError.UNKNOWN_MEMBER_ID,
    })),

    endpoint(leaveGroup, ({ groupId, memberId, members }, { version }) => {
      if (version < firstLeaveOfMany) {
        return { throttleTimeMs: 0, errorCode: leave(groupId, memberId), members: [] }
      }
      const left = members.map((member) => ({ ...member, errorCode: leave(groupId, member.memberId) }))
      return { throttleTimeMs: 0, errorCode: kafkaError.NONE, members: left }
    }),
  ]
}

/** Metadata outlives the request by as long as the member stays, and must not keep all of its frame alive. */
function copyOf<Request extends { protocols: { name: string; metadata: Uint8Array }[] }>(request: Request) {
  const protocols = request.protocols.map(({ name, metadata }) => ({
    name,
    metadata: Uint8Array.from(metadata),
  }))
  return { ...request, protocols }
}
