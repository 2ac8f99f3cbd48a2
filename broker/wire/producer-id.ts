import { defineApi } from './api.ts'
import { i16, i32, i64, nullableStr, since, struct } from './layout.ts'

export const initProducerId = defineApi({
  name: 'InitProducerId',
  key: 22,
  versions: [0, 4],
  flexFrom: 2,
  request: struct({
    transactionalId: nullableStr,
    transactionTimeoutMs: i32,
    producerId: since(3, i64, -1),
    producerEpoch: since(3, i16, -1),
  }),
  response: struct({ throttleTimeMs: i32, errorCode: i16, producerId: i64, producerEpoch: i16 }),
})
