import { defineApi } from './api.ts'
import { array, i16, i32, since, str, struct } from './layout.ts'

export const apiVersions = defineApi({
  name: 'ApiVersions',
  key: 18,
  versions: [0, 4],
  flexFrom: 3,
  request: struct({
    clientSoftwareName: since(3, str, ''),
    clientSoftwareVersion: since(3, str, ''),
  }),
  response: struct({
    errorCode: i16,
    apiKeys: array(struct({ apiKey: i16, minVersion: i16, maxVersion: i16 })),
    throttleTimeMs: since(1, i32, 0),
  }),
})
