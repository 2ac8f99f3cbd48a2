import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Action, MetaData, Protocol } from '../../../table/log/actions.ts'
import { CorruptLog, UnsupportedTable } from '../../../table/log/errors.ts'
import { type Commit, replay, requireWritable, type Snapshot } from '../../../table/log/snapshot.ts'
import { anAdd } from '../../fixtures/table.ts'

const protocol: Protocol = { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 }
const metaData: MetaData = {
  kind: 'metaData',
  id: 'id-1',
  format: { provider: 'parquet', options: {} },
  schemaString: '{}',
  partitionColumns: [],
  configuration: {},
}

it('keeps live files and the latest txn of each application, even when it goes down', () => {
  const snapshot = replay(null, [
    commit(0, [protocol, metaData]),
    commit(1, [anAdd('a'), anAdd('b'), txn('p0', 10), txn('p1', 5)]),
    commit(2, [remove('a'), anAdd('c'), txn('p0', 3)]),
  ])

  expect([...(snapshot?.files.keys() ?? [])].sort()).toEqual(['b', 'c'])
  expect(Object.fromEntries(snapshot?.txns ?? [])).toEqual({ p0: 3, p1: 5 })
  expect(snapshot?.version).toBe(2)
  expect(snapshot?.lastCommitMs).toBe(2)
})

it('takes the time of a commit from its commitInfo, where there is one', () => {
  const info: Action = { kind: 'commitInfo', info: { timestamp: 77 } }

  expect(replay(null, [commit(0, [info, protocol, metaData])])?.lastCommitMs).toBe(77)
})

it('gives the same state however the log is cut, and leaves earlier states as they were', () => {
  const action = fc.oneof(
    fc.integer({ min: 0, max: 300 }).map((n) => anAdd(`file-${n}`, { size: n })),
    fc.integer({ min: 0, max: 300 }).map((n) => remove(`file-${n}`)),
    fc
      .record({ app: fc.integer({ min: 0, max: 5 }), version: fc.integer() })
      .map((t) => txn(`p${t.app}`, t.version)),
  )
  const log = fc.array(fc.array(action, { maxLength: 30 }), { minLength: 1, maxLength: 60 })

  fc.assert(
    fc.property(log, fc.array(fc.nat({ max: 60 }), { maxLength: 6 }), (bodies, cuts) => {
      const commits = [[protocol, metaData], ...bodies].map((actions, version) => commit(version, actions))
      const whole = plain(replay(null, commits))
      let state: Snapshot | null = null
      const held: { snapshot: Snapshot; was: unknown }[] = []
      let from = 0
      for (const to of [
        ...cuts.map((cut) => Math.min(cut, commits.length)).sort((a, b) => a - b),
        commits.length,
      ]) {
        state = replay(state, commits.slice(from, to))
        if (state) held.push({ snapshot: state, was: plain(state) })
        from = to
      }

      expect(plain(state)).toEqual(whole)
      expect(whole).toEqual(naive(commits))
      for (const { snapshot, was } of held) expect(plain(snapshot)).toEqual(was)
    }),
    { numRuns: 80 },
  )
})

it('refuses a hole in the log', () => {
  expect(() => replay(null, [commit(0, [protocol, metaData]), commit(2, [])])).toThrow(CorruptLog)
  expect(() => replay(null, [commit(1, [protocol, metaData])])).toThrow(CorruptLog)
})

it('refuses a table without a protocol or metaData', () => {
  expect(() => replay(null, [commit(0, [metaData])])).toThrow(CorruptLog)
  expect(() => replay(null, [commit(0, [protocol])])).toThrow(CorruptLog)
})

it.each<Omit<Protocol, 'kind'>>([
  { minReaderVersion: 2, minWriterVersion: 5 },
  { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'], writerFeatures: [] },
  { minReaderVersion: 1, minWriterVersion: 2, readerFeatures: ['columnMapping'] },
])('refuses to read a table that needs more: %o', (wanted) => {
  expect(() => replay(null, [commit(0, [{ kind: 'protocol', ...wanted }, metaData])])).toThrow(
    UnsupportedTable,
  )
})

it('refuses to write what it can still read', () => {
  expect(() => requireWritable({ ...protocol, minWriterVersion: 7, writerFeatures: ['appendOnly'] })).toThrow(
    'writer version 7 with appendOnly',
  )
  expect(() => requireWritable(protocol)).not.toThrow()
})

/** The table state by the shortest way there is. */
function naive(commits: readonly Commit[]): unknown {
  const files: Record<string, unknown> = {}
  const txns: Record<string, number> = {}
  for (const action of commits.flatMap(({ actions }) => actions)) {
    if (action.kind === 'add') files[action.path] = action
    if (action.kind === 'remove') delete files[action.path]
    if (action.kind === 'txn') txns[action.appId] = action.version
  }
  const { length } = Object.keys(files)
  return { version: commits.length - 1, files, size: length, txns, lastCommitMs: commits.length - 1 }
}

function plain(snapshot: Snapshot | null): unknown {
  if (!snapshot) return null
  const { version, files, txns, lastCommitMs } = snapshot
  return {
    version,
    files: Object.fromEntries(files),
    size: files.size,
    txns: Object.fromEntries(txns),
    lastCommitMs,
  }
}

function commit(version: number, actions: readonly Action[]): Commit {
  return { version, actions, modifiedMs: version }
}

function txn(appId: string, version: number): Action {
  return { kind: 'txn', appId, version }
}

function remove(path: string): Action {
  return {
    kind: 'remove',
    path,
    deletionTimestamp: 0,
    dataChange: true,
    extendedFileMetadata: true,
    partitionValues: {},
    size: 1,
  }
}
