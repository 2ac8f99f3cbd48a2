import {
  alterConfigs,
  brokerResource,
  describeConfigs,
  incrementalAlterConfigs,
  kafkaError,
  type TypeOf,
  topicResource,
} from '../../wire/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { effectiveConfig, type TopicDefaults } from '../topic-config.ts'
import { TopicRefused, type Topics } from '../topics.ts'
import { nodeId } from './metadata.ts'

type Described = TypeOf<(typeof describeConfigs)['response']>['results'][number]
type Altered = TypeOf<(typeof alterConfigs)['response']>['responses'][number]

const source = { topic: 1, broker: 4, default: 5 }
const operation = { set: 0, delete: 1 }
const stringType = 2

export interface ConfigsParts {
  topics: Topics
  defaults: TopicDefaults
  /** The broker's own settings, to be read only. */
  brokerSettings: Readonly<Record<string, string>>
}

export function configsEndpoints({ topics, defaults, brokerSettings }: ConfigsParts): Endpoint[] {
  const settingsOf = (resourceType: number, resourceName: string): Described['configs'] => {
    if (resourceType === brokerResource && (resourceName === '' || resourceName === String(nodeId))) {
      return Object.entries(brokerSettings).map(([name, value]) => ({
        ...{ name, value, readOnly: true, configSource: source.broker, isSensitive: false },
        ...{ synonyms: [], configType: stringType, documentation: null },
      }))
    }
    return effectiveConfig(topicConfig(resourceType, resourceName), defaults).map((setting) => ({
      name: setting.name,
      value: setting.value,
      readOnly: false,
      configSource: setting.isSet ? source.topic : source.default,
      isSensitive: false,
      synonyms: [
        ...(setting.isSet ? [{ name: setting.name, value: setting.value, source: source.topic }] : []),
        { name: setting.name, value: setting.defaultValue, source: source.default },
      ],
      configType: setting.type,
      documentation: null,
    }))
  }

  const topicConfig = (resourceType: number, resourceName: string): Readonly<Record<string, string>> => {
    if (resourceType !== topicResource) {
      throw new TopicRefused(kafkaError.INVALID_REQUEST, 'only topics have settings that can be changed')
    }
    const topic = topics.get(resourceName)
    if (topic) return topic.config
    throw new TopicRefused(kafkaError.UNKNOWN_TOPIC_OR_PARTITION, `topic ${resourceName} does not exist`)
  }

  const alter = async (
    { resourceType, resourceName }: { resourceType: number; resourceName: string },
    validateOnly: boolean,
    change: (config: Record<string, string>) => Record<string, string>,
  ): Promise<Altered> => {
    const answer = { errorCode: kafkaError.NONE, errorMessage: null, resourceType, resourceName }
    try {
      const config = change({ ...topicConfig(resourceType, resourceName) })
      await topics.configure(resourceName, config, validateOnly)
      return answer
    } catch (error) {
      if (!(error instanceof TopicRefused)) throw error
      return { ...answer, errorCode: error.kafkaError, errorMessage: error.message }
    }
  }

  return [
    endpoint(describeConfigs, ({ resources, includeSynonyms }) => ({
      throttleTimeMs: 0,
      results: resources.map(({ resourceType, resourceName, configurationKeys }): Described => {
        const answer = { errorCode: kafkaError.NONE, errorMessage: null, resourceType, resourceName }
        try {
          const wanted = configurationKeys?.length ? new Set(configurationKeys) : null
          const configs = settingsOf(resourceType, resourceName)
            .filter(({ name }) => wanted === null || wanted.has(name))
            .map((config) => (includeSynonyms ? config : { ...config, synonyms: [] }))
          return { ...answer, configs }
        } catch (error) {
          if (!(error instanceof TopicRefused)) throw error
          return { ...answer, errorCode: error.kafkaError, errorMessage: error.message, configs: [] }
        }
      }),
    })),

    endpoint(alterConfigs, async ({ resources, validateOnly }) => {
      const responses: Altered[] = []
      for (const resource of resources) {
        const set = resource.configs.flatMap(({ name, value }) => (value === null ? [] : [[name, value]]))
        responses.push(await alter(resource, validateOnly, () => Object.fromEntries(set)))
      }
      return { throttleTimeMs: 0, responses }
    }),

    endpoint(incrementalAlterConfigs, async ({ resources, validateOnly }) => {
      const responses: Altered[] = []
      for (const resource of resources) {
        const change = (config: Record<string, string>): Record<string, string> => {
          for (const { name, configOperation, value } of resource.configs) {
            if (configOperation === operation.delete) delete config[name]
            else if (configOperation === operation.set && value !== null) config[name] = value
            else
              throw new TopicRefused(kafkaError.INVALID_CONFIG, `${name} can be set or deleted, nothing else`)
          }
          return config
        }
        responses.push(await alter(resource, validateOnly, change))
      }
      return { throttleTimeMs: 0, responses }
    }),
  ]
}
