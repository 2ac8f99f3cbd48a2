import { expect, it } from 'vitest'
import { createBlockCache } from '../../../table/scan/block-cache.ts'

it('forgets what was unused for longest once its bytes are spent', () => {
  const cache = createBlockCache<string>(30)
  for (const key of ['a', 'b', 'c']) cache.put(key, key, 10)
  cache.get('a')

  cache.put('d', 'd', 10)

  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual(['a', undefined, 'c', 'd'])
  expect(cache.bytes).toBe(30)
})

it('replaces without counting twice', () => {
  const cache = createBlockCache<string>(30)
  cache.put('a', 'old', 20)
  cache.put('a', 'new', 25)

  expect(cache.get('a')).toBe('new')
  expect(cache.bytes).toBe(25)
})

it('does not keep what is larger than itself', () => {
  const cache = createBlockCache<string>(30)
  cache.put('a', 'a', 10)
  cache.put('big', 'big', 31)

  expect(cache.get('big')).toBeUndefined()
  expect(cache.get('a')).toBe('a')
})
