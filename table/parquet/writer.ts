/** Uploads a flush: one Parquet file per combination of partition values, a few at a time. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../runtime/clock.ts'
import { retry } from '../../runtime/retry.ts'
import type { ObjectStore } from '../../storage/index.ts'
import type { TableBinding } from '../binding.ts'
import type { AddFile } from '../log/actions.ts'
import type { TableRows } from '../rows.ts'
import type { Encoder } from './encoder.ts'
import { dataFileKey, pathOfKey } from './paths.ts'
import { encodeJobOf, type FilePlan, splitRows } from './split.ts'
import type { PartitionTags } from './stats.ts'

const parallelFiles = 8
const maxAttempts = 5

export interface FileWriter {
  /** Rows are not consumed; nothing is visible until the files are committed. */
  write(rows: TableRows, tags: PartitionTags): Promise<AddFile[]>
}

export function createFileWriter(parts: {
  store: ObjectStore
  binding: TableBinding
  encoder: Encoder
  clock: Clock
}): FileWriter {
  const { store, binding, encoder, clock } = parts

  async function writeFile(rows: TableRows, plan: FilePlan): Promise<AddFile> {
    // The encoder takes a job's arrays, so a second try makes the job anew.
    const bytes = await retry(() => encoder.encode(encodeJobOf(rows, plan.picked, binding)), {
      clock,
      maxAttempts,
    })
    const key = dataFileKey(plan.partitionValues, `part-${randomUUID()}.snappy.parquet`)
    await retry(() => store.put(key, bytes), { clock, maxAttempts })
    return {
      kind: 'add',
      path: pathOfKey(key),
      partitionValues: Object.fromEntries(
        plan.partitionValues.map(([column, value]) => [column, value || null]),
      ),
      size: bytes.length,
      modificationTime: clock.nowMs(),
      dataChange: true,
      stats: plan.stats,
      tags: plan.tags,
    }
  }

  return {
    async write(rows, tags) {
      const plans = splitRows(rows, tags, binding)
      const files: AddFile[] = []
      let next = 0
      let failed = false
      const work = async (): Promise<void> => {
        for (let at = next++; at < plans.length && !failed; at = next++) {
          const plan = plans[at]
          if (plan) files[at] = await writeFile(rows, plan)
        }
      }
      const workers = Array.from({ length: Math.min(parallelFiles, plans.length) }, () =>
        work().catch((error: unknown) => {
          failed = true
          throw error
        }),
      )
      // All settle before an error is told: no upload goes on behind the caller's back.
      const results = await Promise.allSettled(workers)
      for (const result of results) if (result.status === 'rejected') throw result.reason
      return files
    },
  }
}
