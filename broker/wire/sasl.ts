import { defineApi } from './api.ts'
import { array, bytes, i16, i64, nullableStr, since, str, struct } from './layout.ts'

export const saslHandshake = defineApi({
  name: 'SaslHandshake',
  key: 17,
  versions: [0, 1],
  request: struct({ mechanism: str }),
  response: struct({ errorCode: i16, mechanisms: array(str) }),
})

export const saslAuthenticate = defineApi({
  name: 'SaslAuthenticate',
  key: 36,
  versions: [0, 2],
  flexFrom: 2,
  request: struct({ authBytes: bytes }),
  response: struct({
    errorCode: i16,
    errorMessage: nullableStr,
    authBytes: bytes,
    sessionLifetimeMs: since(1, i64, 0),
  }),
})
