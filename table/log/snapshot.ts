/**
 * Log replay: actions in, table state out. Pure and incremental: any way of cutting the log into pieces gives the
 * same state.
 */
import type { Action, AddFile, MetaData, Protocol } from './actions.ts'
import { CorruptLog, UnsupportedTable } from './errors.ts'
import { type LayeredMap, layeredMap } from './layered-map.ts'

/** The table as of one version. Immutable: one held across awaits stays what it was. */
export interface Snapshot {
  version: number
  protocol: Protocol
  metaData: MetaData
  /** Live files by path. */
  files: ReadonlyMap<string, AddFile>
  /** The latest txn version of each appId. */
  txns: ReadonlyMap<string, number>
  /** Epoch ms at which `version` was committed. */
  lastCommitMs: number
}

export interface Commit {
  version: number
  actions: readonly Action[]
  /** Epoch ms of the file; commitInfo's own timestamp goes before it. */
  modifiedMs: number
}

/** Takes in commits that follow `from` (null: nothing yet) without a hole. Null only while there is no commit. */
export function replay(from: Snapshot | null, commits: Iterable<Commit>): Snapshot | null {
  let state = from
  for (const commit of commits) state = applyCommit(state, commit)
  return state
}

function applyCommit(from: Snapshot | null, { version, actions, modifiedMs }: Commit): Snapshot {
  const expected = from ? from.version + 1 : 0
  if (version !== expected) {
    throw new CorruptLog(`the table's log has version ${version} where ${expected} was due`)
  }
  let protocol = from?.protocol
  let metaData = from?.metaData
  let lastCommitMs = modifiedMs
  const files = new Map<string, AddFile | null>()
  const txns = new Map<string, number>()
  for (const action of actions) {
    switch (action.kind) {
      case 'protocol':
        protocol = requireReadable(action)
        break
      case 'metaData':
        metaData = action
        break
      case 'add':
        files.set(action.path, action)
        break
      case 'remove':
        files.set(action.path, null)
        break
      case 'txn':
        txns.set(action.appId, action.version)
        break
      case 'commitInfo':
        if (typeof action.info.timestamp === 'number') lastCommitMs = action.info.timestamp
        break
      default: {
        const unknown: never = action
        throw new Error(`unknown action ${JSON.stringify(unknown)}`)
      }
    }
  }
  if (!protocol || !metaData) throw new CorruptLog(`the table's log starts without a protocol or metaData`)
  return {
    version,
    protocol,
    metaData,
    files: layered(from?.files).with(files),
    txns: layered(from?.txns).with(txns),
    lastCommitMs,
  }
}

/** Throws unless this code reads the table right. */
function requireReadable(protocol: Protocol): Protocol {
  const { minReaderVersion, readerFeatures = [] } = protocol
  if (minReaderVersion > 1 || readerFeatures.length > 0) {
    throw new UnsupportedTable(
      `the table needs Delta reader version ${minReaderVersion}${listed(readerFeatures)}; this program reads version 1 ` +
        'without features. Another tool upgraded it: restore the table, or copy it without those features',
    )
  }
  return protocol
}

/** Throws unless this code may write to the table. */
export function requireWritable({ minWriterVersion, writerFeatures = [] }: Protocol): void {
  if (minWriterVersion <= 2 && writerFeatures.length === 0) return
  throw new UnsupportedTable(
    `the table needs Delta writer version ${minWriterVersion}${listed(writerFeatures)}; this program writes version 2 ` +
      'without features. Another tool upgraded it: restore the table, or copy it without those features',
  )
}

function listed(features: readonly string[]): string {
  return features.length > 0 ? ` with ${features.join(', ')}` : ''
}

function layered<V>(map: ReadonlyMap<string, V> = new Map()): LayeredMap<V> {
  return isLayered(map) ? map : layeredMap(map)
}

function isLayered<V>(map: ReadonlyMap<string, V>): map is LayeredMap<V> {
  return 'with' in map
}
