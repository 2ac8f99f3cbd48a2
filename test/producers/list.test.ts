import { expect, it } from 'vitest'
import { createObjectLister, kindOfObject } from '../../producers/replay/list.ts'
import { createLogger } from '../../runtime/log.ts'
import { createMemoryStore } from '../../storage/index.ts'

it.each([
  ['events.json', 'events'],
  ['events/2024/day.ndjson', 'events'],
  ['events.jsonl', 'events'],
  ['EVENTS.JSON.GZ', 'events'],
  ['events.ndjson.gz', 'events'],
  ['events.gz', 'events'],
  ['firehose-1-2024-01-01-00-00-00-9b1d', 'events'],
  ['_SUCCESS', 'hidden'],
  ['events/_temporary/0/part-0.json', 'hidden'],
  ['.events.json.swp', 'hidden'],
  ['.hidden/events.json', 'hidden'],
  ['events.csv', { other: '.csv' }],
  ['events.csv.gz', { other: '.csv.gz' }],
  ['day.parquet', { other: '.parquet' }],
  ['2024.01.01/events.tar', { other: '.tar' }],
])('%s is %j', (key, kind) => {
  expect(kindOfObject({ key, size: 10 })).toEqual(kind)
})

it('takes a zero-byte key with a slash at its end for a folder', () => {
  expect(kindOfObject({ key: 'events/', size: 0 })).toBe('hidden')
})

it('lists in key order what it replays, and reports each other kind once', async () => {
  const store = createMemoryStore()
  for (const key of ['b.json', 'a/x.csv', 'a.ndjson', 'y.csv', 'z.parquet', '_SUCCESS']) {
    await store.put(key, Buffer.from('{}'))
  }
  const notices: unknown[] = []
  const log = createLogger({ level: 'info', write: (line) => notices.push(JSON.parse(line).extension) })
  const lister = createObjectLister(store, log)
  const { signal } = new AbortController()

  const first = await lister.list(signal)
  const second = await lister.list(signal)

  expect(first.map(({ key }) => key)).toEqual(['a.ndjson', 'b.json'])
  expect(second).toEqual(first)
  expect(notices).toEqual(['.csv', '.parquet'])
})
