import { defineApi } from './api.ts'
import { array, i16, i32, i64, nullableStr, records, since, str, struct } from './layout.ts'

/** Versions 0-2 carry the old message format; a broker advertises them (see api-table.ts) but nobody may use them. */
export const produce = defineApi({
  name: 'Produce',
  key: 0,
  versions: [3, 8],
  request: struct({
    transactionalId: nullableStr,
    acks: i16,
    timeoutMs: i32,
    topics: array(struct({ name: str, partitions: array(struct({ index: i32, records })) })),
  }),
  response: struct({
    topics: array(
      struct({
        name: str,
        partitions: array(
          struct({
            index: i32,
            errorCode: i16,
            baseOffset: i64,
            logAppendTimeMs: i64,
            logStartOffset: since(5, i64, -1),
            recordErrors: since(8, array(struct({ batchIndex: i32, message: nullableStr })), []),
            errorMessage: since(8, nullableStr, null),
          }),
        ),
      }),
    ),
    throttleTimeMs: i32,
  }),
})
