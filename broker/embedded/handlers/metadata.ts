import { kafkaError, metadata, noAuthorizedOperations, type TypeOf } from '../../wire/index.ts'
import type { Topic } from '../disk/index.ts'
import { type Endpoint, endpoint, type RequestContext } from '../endpoint.ts'
import { TopicRefused, type Topics } from '../topics.ts'

/** The one node there is; controller, leader and coordinator of everything. */
export const nodeId = 1
/** Leaders never change here. */
export const leaderEpoch = 0

export interface Advertised {
  host: string
  port: number
}

/** What clients are told to connect to: what was set, else the address they reached us at. */
export type Advertise = (context: RequestContext) => Advertised

export interface MetadataParts {
  topics: Topics
  clusterId: string
  advertise: Advertise
  autoCreateTopics: boolean
}

type TopicAnswer = TypeOf<(typeof metadata)['response']>['topics'][number]

export function metadataEndpoint({
  topics,
  clusterId,
  advertise,
  autoCreateTopics,
}: MetadataParts): Endpoint {
  const byName = async (name: string, mayCreate: boolean): Promise<TopicAnswer> => {
    const topic = topics.get(name)
    if (topic) return describe(topic)
    if (!mayCreate) return refused(name, kafkaError.UNKNOWN_TOPIC_OR_PARTITION)
    try {
      return describe(await topics.ensure(name))
    } catch (error) {
      if (error instanceof TopicRefused) return refused(name, error.kafkaError)
      throw error
    }
  }
  return endpoint(metadata, async (request, context) => {
    const mayCreate = autoCreateTopics && request.allowAutoTopicCreation
    const wantsAll = request.topics === null || (context.version === 0 && request.topics.length === 0)
    const answers: TopicAnswer[] = []
    if (wantsAll) for (const topic of topics.all()) answers.push(describe(topic))
    // One after the other: a request may name thousands.
    else for (const { name } of request.topics ?? []) answers.push(await byName(name, mayCreate))
    return {
      throttleTimeMs: 0,
      brokers: [{ nodeId, ...advertise(context), rack: null }],
      clusterId,
      controllerId: nodeId,
      topics: answers,
      clusterAuthorizedOperations: noAuthorizedOperations,
    }
  })
}

function describe({ name, partitions }: Topic): TopicAnswer {
  return {
    errorCode: kafkaError.NONE,
    name,
    isInternal: false,
    partitions: partitions.map((_, partitionIndex) => ({
      errorCode: kafkaError.NONE,
      partitionIndex,
      leaderId: nodeId,
      leaderEpoch,
      replicaNodes: [nodeId],
      isrNodes: [nodeId],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: noAuthorizedOperations,
  }
}

function refused(name: string, errorCode: number): TopicAnswer {
  return {
    errorCode,
    name,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: noAuthorizedOperations,
  }
}
