import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readFileIfThere, replaceFile } from './durable-files.ts'
import { decodeFrames, encodeFrame } from './frames.ts'
import type { ProducerSnapshot } from './producer-states.ts'

/** The producers as they stood at one offset of the log, so that a start need not read all of it again. */
export interface PartitionSnapshot {
  offset: number
  producers: ProducerSnapshot[]
}

const fileName = 'producers.snap'
const snapshotShape = z.object({
  offset: z.int(),
  producers: z.array(
    z.object({
      producerId: z.int(),
      epoch: z.int(),
      epochOffset: z.int(),
      lastSeenMs: z.number(),
      recent: z.array(
        z.object({
          firstSequence: z.int(),
          lastSequence: z.int(),
          baseOffset: z.int(),
          logAppendTimeMs: z.number(),
        }),
      ),
    }),
  ),
})

export async function writeSnapshot(
  dir: string,
  snapshot: PartitionSnapshot,
  isDurable: boolean,
): Promise<void> {
  const frame = encodeFrame(Buffer.from(JSON.stringify(snapshot)))
  await replaceFile(join(dir, fileName), frame, isDurable)
}

/** @returns null when there is none, or none that can be believed: the log itself then tells */
export async function readSnapshot(dir: string): Promise<PartitionSnapshot | null> {
  const bytes = await readFileIfThere(join(dir, fileName))
  const payload = bytes && decodeFrames(bytes).payloads[0]
  if (!payload) return null
  return snapshotShape.safeParse(JSON.parse(payload.toString())).data ?? null
}

export async function removeSnapshot(dir: string): Promise<void> {
  await rm(join(dir, fileName), { force: true })
}
