import type { Clock } from '../runtime/clock.ts'
import { AppError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { Snapshot, TableReader } from '../table/index.ts'

/** The table as of one version, with what reads it. */
export interface TableView {
  reader: TableReader
  snapshot: Snapshot
}

export interface TableSource {
  /** The table as it is now, or was less than `reuseMs` ago; null while there is none. */
  view(): Promise<TableView | null>
  close(): Promise<void>
}

const reuseMs = 200
/** An answer that takes longer is a 503; the reading goes on, and later requests find it further. */
const patienceMs = 10_000

/**
 * Follows a table that may be created at any time. However many ask, one refresh is under way at most, and none follows
 * another within `reuseMs`: the log is listed at most five times a second.
 */
export function createTableSource(parts: {
  /** Null: no table yet. */
  openTable: () => Promise<TableReader | null>
  clock: Clock
  log: Logger
}): TableSource {
  const { openTable, clock, log } = parts
  let reader: TableReader | null = null
  let latest: { view: TableView | null; askedMs: number } | null = null
  let underWay: Promise<TableView | null> | null = null

  const read = async (): Promise<TableView | null> => {
    if (reader) {
      try {
        return { reader, snapshot: await reader.refresh() }
      } catch (error) {
        if (!(error instanceof AppError) || error.remedy === 'retry') throw error
        // The table is no longer the one that was opened: it was deleted, and perhaps made anew.
        log.warn('table opened again', { error })
        await drop()
      }
    }
    reader = await openTable()
    // Opening has just read the log.
    return reader && { reader, snapshot: reader.snapshot() }
  }
  const drop = async (): Promise<void> => {
    const dropped = reader
    reader = null
    latest = null
    await dropped?.close()
  }

  const start = (askedMs: number): Promise<TableView | null> => {
    const reading = read()
      .then((view) => {
        latest = { view, askedMs }
        return view
      })
      .finally(() => {
        underWay = null
      })
    underWay = reading
    return reading
  }

  return {
    async view() {
      const nowMs = clock.nowMs()
      if (!underWay && latest && nowMs >= latest.askedMs && nowMs - latest.askedMs < reuseMs)
        return latest.view
      return inTime(underWay ?? start(nowMs), clock)
    },
    async close() {
      // A reading under way is nobody's any more; it ends by itself, and what it opened is closed then.
      if (underWay) void underWay.then(drop, drop)
      else await drop()
    },
  }
}

async function inTime<T>(work: Promise<T>, clock: Clock): Promise<T> {
  const done = new AbortController()
  const tooLate = clock.sleep(patienceMs, done.signal).then(() => {
    if (done.signal.aborted) return work
    throw new AppError(`the table's log was not read within ${patienceMs} ms`, {
      code: 'TABLE_UNAVAILABLE',
      remedy: 'retry',
    })
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    done.abort()
  }
}
