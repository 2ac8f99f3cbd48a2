/**
 * The optimistic commit: plan on the newest state, try to win the next version, and plan anew if another writer won it.
 */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { backoffMs } from '../../runtime/retry.ts'
import type { Action } from './actions.ts'
import { TableAltered } from './errors.ts'
import { formatCommit, parseCommit } from './parse.ts'
import { requireWritable, type Snapshot } from './snapshot.ts'
import { createVersionWriter, maxListingAgeMs, type VersionWriterParts } from './version-writer.ts'
import { commitKey } from './versions.ts'

const lostBackoff = { baseMs: 20, maxMs: 1_000 }

export interface CommitPlan {
  actions: readonly Action[]
  /** Goes into commitInfo beside the txnId. */
  info: Readonly<Record<string, unknown>>
}

export type CommitResult =
  | { kind: 'committed'; version: number; snapshot: Snapshot }
  | { kind: 'refused'; snapshot: Snapshot }

export type Planner = (snapshot: Snapshot) => CommitPlan | null

export interface Committer {
  /** One at a time; see Table.commit. */
  commit(plan: Planner, options?: { signal?: AbortSignal }): Promise<CommitResult>
}

/** @param opened the state in which the table was found fit; its schema and configuration may not change later */
export function createCommitter(parts: VersionWriterParts & { opened: Snapshot }): Committer {
  const { store, tail, clock, log, opened } = parts
  const writer = createVersionWriter(parts)
  let turn: Promise<unknown> = Promise.resolve()

  async function commit(plan: Planner, signal?: AbortSignal): Promise<CommitResult> {
    for (let attempt = 0; ; attempt++) {
      const snapshot = await newest(attempt > 0 || tail.ageMs() > maxListingAgeMs, signal)
      requireUnaltered(opened, snapshot)
      const planned = plan(snapshot)
      if (!planned) return { kind: 'refused', snapshot }
      const version = snapshot.version + 1
      const body = commitBody(planned, clock.nowMs())
      // Read back from the bytes, before they are sent: what no reader could parse must not get into the log, and our
      // own state is what every other reader makes of them.
      const actions = parseCommit(body, commitKey(version))
      if ((await writer.put(version, body, signal)) === 'landed') {
        return { kind: 'committed', version, snapshot: accept(version, actions) }
      }
      log.debug('table version lost to another writer', { version, attempt })
      await clock.sleep(backoffMs(attempt, lostBackoff), signal)
    }
  }

  async function newest(refresh: boolean, signal?: AbortSignal): Promise<Snapshot> {
    const snapshot = refresh ? await writer.persist(() => tail.refresh(), null, signal) : tail.snapshot()
    if (!snapshot) throw new TableAltered(`the table at ${store.url} is gone; restart to make it anew`)
    return snapshot
  }

  function accept(version: number, actions: readonly Action[]): Snapshot {
    tail.accept({ version, actions, modifiedMs: clock.nowMs() })
    const snapshot = tail.snapshot()
    if (!snapshot) throw new Error('a commit was accepted into no table')
    return snapshot
  }

  return {
    commit(plan, { signal } = {}) {
      // Two commits of one process would only make each other lose.
      const result = turn.then(() => commit(plan, signal))
      turn = result.catch(() => {})
      return result
    },
  }
}

/** Makes version 0; another creator may win, so the caller looks at what is there in the end. */
export async function createTable(parts: VersionWriterParts, plan: CommitPlan): Promise<void> {
  await createVersionWriter(parts).put(0, commitBody(plan, parts.clock.nowMs()))
  await parts.tail.refresh()
}

function commitBody({ actions, info }: CommitPlan, nowMs: number): Uint8Array {
  requireDistinct(actions)
  return formatCommit([
    {
      kind: 'commitInfo',
      info: {
        timestamp: nowMs,
        operation: 'WRITE',
        operationParameters: {},
        engineInfo: 'dataflow',
        ...info,
        txnId: randomUUID(),
      },
    },
    ...actions,
  ])
}

/** The protocol forbids two actions for one path, and two txns for one application, in one commit. */
function requireDistinct(actions: readonly Action[]): void {
  const seen = new Set<string>()
  for (const action of actions) {
    const name = distinctName(action)
    if (name === null) continue
    if (seen.has(name)) throw new Error(`a commit names ${name} twice`)
    seen.add(name)
  }
}

function distinctName(action: Action): string | null {
  switch (action.kind) {
    case 'add':
    case 'remove':
      return `file ${action.path}`
    case 'txn':
      return `txn ${action.appId}`
    case 'protocol':
    case 'metaData':
      return action.kind
    case 'commitInfo':
      throw new Error('commitInfo is written by the commit itself; pass its fields as info')
    default: {
      const unknown: never = action
      throw new Error(`unknown action ${JSON.stringify(unknown)}`)
    }
  }
}

function requireUnaltered(opened: Snapshot, now: Snapshot): void {
  requireWritable(now.protocol)
  if (opened.metaData === now.metaData && opened.protocol === now.protocol) return
  if (isDeepStrictEqual(opened.metaData, now.metaData) && isDeepStrictEqual(opened.protocol, now.protocol))
    return
  throw new TableAltered(
    'another tool changed the schema, configuration or protocol of the table; restart to judge it anew',
  )
}
