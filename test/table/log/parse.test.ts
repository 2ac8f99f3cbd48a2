import { expect, it } from 'vitest'
import type { Action } from '../../../table/log/actions.ts'
import { formatCommit, parseCommit } from '../../../table/log/parse.ts'
import { commitKey, versionOfKey } from '../../../table/log/versions.ts'
import { anAdd } from '../../fixtures/table.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

it('reads a commit of another writer: "" is null, unknown kinds and fields are skipped', () => {
  const text = [
    '{"commitInfo":{"timestamp":5,"engineInfo":"Spark"}}',
    '{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}',
    '{"cdc":{"path":"x"}}',
    '',
    '{"add":{"path":"event_type=A%252FA/p","partitionValues":{"event_type":"A/A","date":""},"size":3,"modificationTime":4,"dataChange":false,"stats":null,"later":1}}',
    '{"remove":{"path":"q","dataChange":true}}',
    '{"txn":{"appId":"a","version":-7,"lastUpdated":9}}',
  ].join('\n')

  const actions = parseCommit(bytes(text), 'here')

  expect(actions).toEqual<Action[]>([
    { kind: 'commitInfo', info: { timestamp: 5, engineInfo: 'Spark' } },
    { kind: 'protocol', minReaderVersion: 1, minWriterVersion: 2 },
    {
      kind: 'add',
      path: 'event_type=A%252FA/p',
      partitionValues: { event_type: 'A/A', date: null },
      size: 3,
      modificationTime: 4,
      dataChange: false,
    },
    {
      kind: 'remove',
      path: 'q',
      deletionTimestamp: 0,
      dataChange: true,
      extendedFileMetadata: true,
      partitionValues: {},
      size: 0,
    },
    { kind: 'txn', appId: 'a', version: -7, lastUpdated: 9 },
  ])
})

it('writes one action a line, named by its kind', () => {
  const text = new TextDecoder().decode(
    formatCommit([
      { kind: 'commitInfo', info: { txnId: 't' } },
      { kind: 'txn', appId: 'a', version: 1 },
      anAdd('p', { partitionValues: { event_type: null }, tags: { x: '1' } }),
    ]),
  )

  expect(text).toBe(
    '{"commitInfo":{"txnId":"t"}}\n' +
      '{"txn":{"appId":"a","version":1}}\n' +
      '{"add":{"path":"p","partitionValues":{"event_type":null},"size":1,"modificationTime":0,"dataChange":true,"tags":{"x":"1"}}}\n',
  )
})

it.each([
  ['{"add":{"path":1}}', 'add.path is not a string'],
  ['{"add":{"path":"p","partitionValues":{"a":1},"size":1}}', 'add.partitionValues is not a map of strings'],
  ['{"txn":{"appId":"a","version":1.5}}', 'txn.version is not an integer'],
  ['{"txn":{"appId":"a","version":9007199254740993}}', 'txn.version is not an integer'],
  ['{"add":{"path":"p","deletionVector":{"storageType":"u"}}}', 'add.deletionVector is not supported'],
  ['{"add":[]}', 'add is not an object'],
  ['[]', 'not an object'],
  ['{"add"', 'not JSON'],
])('refuses %s and says where it is', (line, what) => {
  expect(() => parseCommit(bytes(`\n${line}`), 'the-file')).toThrow(`the-file, line 2: ${what}`)
})

it('refuses bytes that are not UTF-8', () => {
  expect(() => parseCommit(Uint8Array.of(0xff), 'the-file')).toThrow('the-file: not UTF-8')
})

it('names versions so that they list in order, and knows its own names only', () => {
  expect(commitKey(7)).toBe('_delta_log/00000000000000000007.json')
  expect(versionOfKey('_delta_log/00000000000000000012.json')).toBe(12)
  expect(versionOfKey('_delta_log/00000000000000000012.checkpoint.parquet')).toBeNull()
  expect(versionOfKey('_delta_log/_last_checkpoint')).toBeNull()
  expect(versionOfKey('_delta_log/.tmp-1')).toBeNull()
})
