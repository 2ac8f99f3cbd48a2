import { resolve } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SetupError } from '../../runtime/errors.ts'
import { compareKeys, parseStoreUrl } from '../../storage/index.ts'

it.each([
  ['file:.dataflow/raw/', { kind: 'file', path: resolve('.dataflow/raw') }],
  ['file:./raw', { kind: 'file', path: resolve('raw') }],
  ['file:/data/a%20b', { kind: 'file', path: '/data/a%20b' }],
  ['file:///data/raw/', { kind: 'file', path: '/data/raw' }],
  ['file://localhost/data', { kind: 'file', path: '/data' }],
  ['s3://dataflow-raw', { kind: 's3', bucket: 'dataflow-raw', prefix: '' }],
  ['s3://dataflow-raw/', { kind: 's3', bucket: 'dataflow-raw', prefix: '' }],
  ['s3://dataflow-raw/events', { kind: 's3', bucket: 'dataflow-raw', prefix: 'events/' }],
  ['s3a://dataflow-raw//events//a b/', { kind: 's3', bucket: 'dataflow-raw', prefix: 'events/a b/' }],
])('reads %s', (url, location) => {
  expect(parseStoreUrl(url)).toEqual(location)
})

it.each([
  ['', 'write file:some/folder/ or s3://bucket/prefix/'],
  ['data/raw', 'write file:data/raw'],
  ['gs://bucket', 'stores of kind gs: are not known'],
  ['file:', 'names no folder'],
  ['file://data/raw', 'file:data/raw for a relative one'],
  ['s3:', 'names no valid bucket'],
  ['s3://', 'names no valid bucket'],
  ['s3:/bucket/key', 'names no valid bucket'],
  ['s3://My_Bucket', 'names no valid bucket'],
  ['s3://fast--use1-az4--x-s3', 'is a directory bucket'],
  ['s3://bucket/a/../b', 'may not contain . or .. segments'],
  ['s3://bucket/a?b', 'may not contain ? or #'],
])('refuses %j and says what to write', (url, message) => {
  expect(() => parseStoreUrl(url)).toThrow(SetupError)
  expect(() => parseStoreUrl(url)).toThrow(message)
})

it('orders keys as their UTF-8 bytes are ordered', () => {
  const key = fc.string({ unit: 'binary' })

  fc.assert(
    fc.property(key, key, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
  )
})
