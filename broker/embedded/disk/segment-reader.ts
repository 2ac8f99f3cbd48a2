import type { FileHandle } from 'node:fs/promises'
import { CorruptBatch, headerBytes } from '../../wire/index.ts'
import { selectBatches, type Wanted } from './batch-run.ts'
import { readFully } from './durable-files.ts'
import { type LoggedBatch, readLoggedBatch } from './logged-batch.ts'
import type { ReadHandles } from './read-handles.ts'
import type { Segment } from './segments.ts'

/** Reads batches of a partition from its files. */
export interface SegmentReader {
  /** Empty when the segment holds nothing wanted. Rejects with {CorruptBatch} when the disk gives back other bytes. */
  read(segment: Segment, wanted: Wanted): Promise<Buffer>
  /** The first batch from `position` on that the test accepts, with its header; null at the segment's end. */
  find(
    segment: Segment,
    position: number,
    accepts: (batch: LoggedBatch) => boolean,
  ): Promise<{ batch: LoggedBatch; bytes: Buffer; position: number } | null>
}

const slackBytes = 64 * 1024
const rememberedReads = 16

export function createSegmentReader(handles: Pick<ReadHandles, 'use'>): SegmentReader {
  // Where recent reads ended: a consumer's next fetch begins there, and then needs no search and no spare bytes.
  const ends = new Map<number, { segment: Segment; position: number }>()

  function remember(nextOffset: number, segment: Segment, position: number): void {
    ends.set(nextOffset, { segment, position })
    if (ends.size <= rememberedReads) return
    const [oldest] = ends.keys()
    if (oldest !== undefined) ends.delete(oldest)
  }

  async function readRun(handle: FileHandle, segment: Segment, wanted: Wanted): Promise<Buffer> {
    // The file may grow meanwhile; what is beyond this was not asked for.
    const fileBytes = segment.byteLength
    const known = ends.get(wanted.fromOffset)
    const isExact = known?.segment === segment
    let position = isExact ? known.position : segment.index.positionForOffset(wanted.fromOffset)
    let length = Math.max(wanted.maxBytes, headerBytes) + (isExact ? 0 : slackBytes)
    while (position < fileBytes) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(length, fileBytes - position))
      const bytes = buffer.subarray(0, await readFully(handle, buffer, position))
      const run = selectBatches(bytes, wanted)
      switch (run.kind) {
        case 'found':
          remember(run.nextOffset, segment, position + run.end)
          return bytes.subarray(run.start, run.end)
        case 'grow':
          position += run.start
          if (position + run.byteLength > fileBytes)
            throw new CorruptBatch('batch runs past the end of its file', -1)
          length = Math.max(run.byteLength, wanted.maxBytes)
          break
        case 'skip':
          if (run.byteLength === 0) throw new CorruptBatch('no batch where one must begin', -1)
          position += run.byteLength
          break
        case 'end':
          return Buffer.alloc(0)
        default:
          run satisfies never
      }
    }
    return Buffer.alloc(0)
  }

  return {
    read: (segment, wanted) => handles.use(segment.path, (handle) => readRun(handle, segment, wanted)),

    find: (segment, from, accepts) =>
      handles.use(segment.path, async (handle) => {
        const prefix = Buffer.alloc(headerBytes)
        for (let position = from; position < segment.byteLength; ) {
          await readFully(handle, prefix, position)
          const batch = readLoggedBatch(prefix)
          if (batch.byteLength < headerBytes) throw new CorruptBatch('no batch where one must begin', -1)
          if (accepts(batch)) {
            const bytes = Buffer.allocUnsafeSlow(batch.byteLength)
            await readFully(handle, bytes, position)
            return { batch, bytes, position }
          }
          position += batch.byteLength
        }
        return null
      }),
  }
}
