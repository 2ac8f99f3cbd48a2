import { expect, it } from 'vitest'
import { murmur2, partitionOf } from '../../../broker/wire/murmur2.ts'

// From Kafka's own UtilsTest: the hashes its Java clients compute.
it.each([
  ['21', -973_932_308],
  ['foobar', -790_332_482],
  ['a-little-bit-long-string', -985_981_536],
  ['a-little-bit-longer-string', -1_486_304_829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
  ['abc', 479_470_107],
])('hashes %s as Kafka does', (key, hash) => {
  expect(murmur2(Buffer.from(key))).toBe(hash)
})

it('takes the partition from the hash without its sign', () => {
  expect(partitionOf(Buffer.from('foobar'), 4)).toBe(2)
  expect(partitionOf(Buffer.from('abc'), 10)).toBe(7)
})
