import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { DataDir } from '../../../../broker/embedded/disk/index.ts'
import { allRecords, batchOf, crashCopy, logOf, openForTest, temporaryDir } from './logs.ts'

type Step = { kind: 'append'; sizes: number[] } | { kind: 'reopen' } | { kind: 'crash' } | { kind: 'resend' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      sizes: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'resend' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
)

it('agrees with a plain list under any mix of appends, resends, stops and kills', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.integer({ min: 100, max: 2_000 }),
      async (steps, segmentBytes) => {
        let dir = await temporaryDir()
        const open = (): Promise<DataDir> => openForTest(dir, { fsync: 'never', segmentBytes })
        let dataDir = await open()
        await dataDir.createTopic('clicks', 1, {})
        const model: string[] = []
        let sequence = 0
        let lastSent: { bytes: Buffer; baseOffset: number } | null = null

        for (const one of steps) {
          switch (one.kind) {
            case 'append': {
              const values = one.sizes.map((size, i) => `${model.length + i}`.padEnd(size, '.'))
              const bytes = batchOf(values, { producerId: 3, baseSequence: sequence })
              lastSent = { bytes: Buffer.from(bytes), baseOffset: model.length }
              const { baseOffset } = await logOf(dataDir).append(bytes)
              expect(baseOffset).toBe(model.length)
              model.push(...values.map((value, i) => `${baseOffset + i}=${value}`))
              sequence += values.length
              break
            }
            case 'resend': {
              if (!lastSent) break
              const again = await logOf(dataDir).append(Buffer.from(lastSent.bytes))
              expect(again).toMatchObject({ baseOffset: lastSent.baseOffset, duplicate: true })
              break
            }
            case 'reopen':
              await dataDir.close()
              dataDir = await open()
              break
            case 'crash':
              dir = await crashCopy(dir)
              dataDir = await open()
              break
            default:
              one satisfies never
          }
        }

        expect(await allRecords(logOf(dataDir), 500)).toEqual(model)
      },
    ),
    { numRuns: 25 },
  )
})
