import { createSlots } from './slots.ts'
import type { StateLog } from './state-log.ts'

const blockSize = 1000

/** Ids are reserved in blocks, so that few are written down; what is left of a block at a stop is never used. */
export function createProducerIds(stateLog: StateLog): () => Promise<number> {
  const oneAtATime = createSlots(1)
  let next = stateLog.state.nextProducerId
  let reserved = next
  return () =>
    oneAtATime(async () => {
      if (next === reserved) {
        await stateLog.append({ kind: 'producer_ids', next: reserved + blockSize }, { isDurable: true })
        reserved += blockSize
      }
      return next++
    })
}
