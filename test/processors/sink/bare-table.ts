/**
 * A table whose log is the real one, over any store, and whose data files are only remembered: fast enough for
 * thousands of runs. Rows name ranges of offsets, so what a test counts are offsets.
 */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../../runtime/clock.ts'
import { silentLogger } from '../../../runtime/log.ts'
import type { ObjectStore } from '../../../storage/index.ts'
import type { AddFile, Table, TableRows } from '../../../table/index.ts'
import { createCommitter, createTable } from '../../../table/log/commit.ts'
import { createLogTail } from '../../../table/log/tail.ts'
import { type PartitionTags, tagsOf } from '../../../table/parquet/stats.ts'

export type BareTable = Pick<Table, 'snapshot' | 'refresh' | 'writeFiles' | 'commit'>

export const tableId = 'ab12cd34-0000-4000-8000-000000000000'

/** @param files what data files hold, by path; shared by all members that open the table */
export async function openBareTable(parts: {
  store: ObjectStore
  clock: Clock
  files: Map<string, TableRows>
}): Promise<BareTable> {
  const { store, clock, files } = parts
  const tail = createLogTail({ store, clock, log: silentLogger })
  const committing = { store, tail, clock, log: silentLogger }
  const opened =
    (await tail.refresh()) ??
    (await createTable(committing, {
      actions: [
        { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 },
        {
          kind: 'metaData',
          id: tableId,
          format: { provider: 'parquet', options: {} },
          schemaString: '{"type":"struct","fields":[]}',
          partitionColumns: [],
          configuration: {},
        },
      ],
      info: {},
    }).then(() => tail.snapshot()))
  if (!opened) throw new Error('the table was not made')
  const committer = createCommitter({ ...committing, opened })
  return {
    snapshot: () => tail.snapshot() ?? opened,
    refresh: async () => (await tail.refresh()) ?? opened,
    commit: committer.commit,
    async writeFiles(rows: TableRows, tags: PartitionTags): Promise<AddFile[]> {
      const path = `${randomUUID()}.parquet`
      const all = Array.from({ length: rows.length }, (_, at) => at)
      files.set(path, rows)
      const file: AddFile = {
        kind: 'add',
        path,
        partitionValues: {},
        size: 1,
        modificationTime: 0,
        dataChange: true,
        tags: tagsOf(rows, all, tags),
      }
      return [file]
    },
  }
}

/** The table without its compare-and-swap: a plan is judged by the state that the member last asked for itself. */
export function trustingOldNews(table: BareTable): BareTable {
  let known = table.snapshot()
  return {
    ...table,
    async refresh() {
      known = await table.refresh()
      return known
    },
    async commit(plan, options) {
      const result = await table.commit(() => plan(known), options)
      if (result.kind === 'committed') known = result.snapshot
      return result
    },
  }
}
