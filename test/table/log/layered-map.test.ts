import fc from 'fast-check'
import { expect, it } from 'vitest'
import { layeredMap } from '../../../table/log/layered-map.ts'

it('is a map, however many changes lie on each other', () => {
  const change = fc.record({ key: fc.nat({ max: 400 }), value: fc.option(fc.nat()) })

  fc.assert(
    fc.property(
      fc.array(fc.array(change, { minLength: 20, maxLength: 40 }), { minLength: 10, maxLength: 40 }),
      (rounds) => {
        const plain = new Map<string, number>()
        let layered = layeredMap<number>()
        for (const changes of rounds) {
          for (const { key, value } of changes) {
            if (value === null) plain.delete(`k${key}`)
            else plain.set(`k${key}`, value)
          }
          layered = layered.with(new Map(changes.map(({ key, value }) => [`k${key}`, value])))

          expect(layered.size).toBe(plain.size)
        }
        expect(new Map(layered)).toEqual(plain)
        expect([...layered.keys()].sort()).toEqual([...plain.keys()].sort())
        expect([...layered.values()].sort()).toEqual([...plain.values()].sort())
        for (let key = 0; key <= 400; key++) expect(layered.get(`k${key}`)).toBe(plain.get(`k${key}`))
      },
    ),
    { numRuns: 10 },
  )
})

it('leaves the map it was made from as it was', () => {
  const before = layeredMap<number>().with(new Map([['a', 1]]))

  const after = before.with(
    new Map<string, number | null>([
      ['a', null],
      ['b', 2],
    ]),
  )

  expect([...before]).toEqual([['a', 1]])
  expect([...after]).toEqual([['b', 2]])
  expect(after.has('a')).toBe(false)
})
