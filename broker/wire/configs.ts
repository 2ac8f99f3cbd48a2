import { defineApi } from './api.ts'
import { array, bool, i8, i16, i32, nullableArray, nullableStr, since, str, struct } from './layout.ts'

export const topicResource = 2
export const brokerResource = 4

export const describeConfigs = defineApi({
  name: 'DescribeConfigs',
  key: 32,
  versions: [1, 3],
  request: struct({
    resources: array(struct({ resourceType: i8, resourceName: str, configurationKeys: nullableArray(str) })),
    includeSynonyms: bool,
    includeDocumentation: since(3, bool, false),
  }),
  response: struct({
    throttleTimeMs: i32,
    results: array(
      struct({
        errorCode: i16,
        errorMessage: nullableStr,
        resourceType: i8,
        resourceName: str,
        configs: array(
          struct({
            name: str,
            value: nullableStr,
            readOnly: bool,
            /** 1 set on the topic, 4 set on the broker, 5 default. */
            configSource: i8,
            isSensitive: bool,
            synonyms: array(struct({ name: str, value: nullableStr, source: i8 })),
            configType: since(3, i8, 0),
            documentation: since(3, nullableStr, null),
          }),
        ),
      }),
    ),
  }),
})

const alterResponse = struct({
  throttleTimeMs: i32,
  responses: array(
    struct({ errorCode: i16, errorMessage: nullableStr, resourceType: i8, resourceName: str }),
  ),
})

/** Replaces the whole set: what is not named goes back to its default. */
export const alterConfigs = defineApi({
  name: 'AlterConfigs',
  key: 33,
  versions: [0, 1],
  request: struct({
    resources: array(
      struct({
        resourceType: i8,
        resourceName: str,
        configs: array(struct({ name: str, value: nullableStr })),
      }),
    ),
    validateOnly: bool,
  }),
  response: alterResponse,
})

export const incrementalAlterConfigs = defineApi({
  name: 'IncrementalAlterConfigs',
  key: 44,
  versions: [0, 0],
  request: struct({
    resources: array(
      struct({
        resourceType: i8,
        resourceName: str,
        /** Operation 0 set, 1 delete, 2 append, 3 subtract. */
        configs: array(struct({ name: str, configOperation: i8, value: nullableStr })),
      }),
    ),
    validateOnly: bool,
  }),
  response: alterResponse,
})
