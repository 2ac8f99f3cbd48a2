import { expect, it } from 'vitest'
import { nearestWords } from '../../../api/query/nearest-words.ts'

it('names the nearest first, without regard to case, and nothing far off', () => {
  const types = ['purchase', 'click', 'clock', 'Flick', 'page_view', 'clique']

  expect(nearestWords('CLICK', types, 3)).toEqual(['click', 'Flick', 'clock'])
  expect(nearestWords('pageview', types, 3)).toEqual(['page_view'])
  expect(nearestWords('logout', types, 3)).toEqual([])
  expect(nearestWords('', types, 3)).toEqual([])
})
