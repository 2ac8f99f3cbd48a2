import { initProducerId, kafkaError } from '../../wire/index.ts'
import type { DataDir } from '../disk/index.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'

export function producerIdEndpoint(data: Pick<DataDir, 'allocateProducerId'>): Endpoint {
  return endpoint(initProducerId, async ({ transactionalId }) => {
    if (transactionalId === '') return refused(kafkaError.INVALID_REQUEST)
    // There are no transactions yet, which the API table says too by leaving out what they need.
    if (transactionalId !== null) return refused(kafkaError.UNSUPPORTED_VERSION)
    const producerId = await data.allocateProducerId()
    return { throttleTimeMs: 0, errorCode: kafkaError.NONE, producerId, producerEpoch: 0 }
  })
}

function refused(errorCode: number) {
  return { throttleTimeMs: 0, errorCode, producerId: -1, producerEpoch: -1 }
}
