import fc from 'fast-check'
import { expect, it } from 'vitest'
import { dataFileKey, keyOfPath, pathOfKey } from '../../../table/parquet/paths.ts'

it.each([
  ['click', 'event_type=click/f', 'event_type=click/f'],
  ['A/A', 'event_type=A%2FA/f', 'event_type=A%252FA/f'],
  ['a b', 'event_type=a b/f', 'event_type=a%20b/f'],
  ['100%', 'event_type=100%25/f', 'event_type=100%2525/f'],
  ['a=b', 'event_type=a%3Db/f', 'event_type=a%253Db/f'],
  ['c:d?#', 'event_type=c%3Ad%3F%23/f', 'event_type=c%253Ad%253F%2523/f'],
  ['é', 'event_type=é/f', 'event_type=%C3%A9/f'],
  ['🎉', 'event_type=🎉/f', 'event_type=%F0%9F%8E%89/f'],
  ['..', 'event_type=../f', 'event_type=../f'],
  ['', 'event_type=__HIVE_DEFAULT_PARTITION__/f', 'event_type=__HIVE_DEFAULT_PARTITION__/f'],
])('escapes %j for the directory, and once more for the log', (value, key, path) => {
  expect(dataFileKey([['event_type', value]], 'f')).toBe(key)
  expect(pathOfKey(key)).toBe(path)
})

it('nests the directories in the order of the columns', () => {
  const values = [
    ['event_type', 'click'],
    ['date', '2026-01-31'],
  ] as const

  expect(dataFileKey(values, 'f')).toBe('event_type=click/date=2026-01-31/f')
  expect(dataFileKey([], 'f')).toBe('f')
})

it('finds the key again by decoding the path once, for any type', () => {
  const types = fc.string({ maxLength: 128, unit: 'grapheme' }).filter((text) => !/\p{Cs}/u.test(text))

  fc.assert(
    fc.property(types, (type) => {
      const key = dataFileKey([['event_type', type]], 'f')

      expect(keyOfPath(pathOfKey(key))).toBe(key)
      expect(key.split('/')).toHaveLength(2)
      expect(Buffer.byteLength(key)).toBeLessThan(255)
    }),
  )
})

it('shortens what no file system takes as a name, and keeps such types apart', () => {
  const [one, other] = ['🎉'.repeat(127), `🎉`.repeat(128)].map((type) =>
    dataFileKey([['event_type', type]], 'f'),
  )

  expect(one).toMatch(/^event_type=[0-9a-f]{32}\/f$/)
  expect(one).not.toBe(other)
})
