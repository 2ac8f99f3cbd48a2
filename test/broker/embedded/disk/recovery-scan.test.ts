import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createRecoveryScan, type RecoveryScan } from '../../../../broker/embedded/disk/recovery-scan.ts'
import { setBaseOffset } from '../../../../broker/wire/index.ts'
import { batchOf } from './logs.ts'

/** Reads a whole file through a buffer of that size, as recovery does. */
function scanned(file: Buffer, bufferBytes: number): { scan: RecoveryScan; offsets: number[] } {
  const offsets: number[] = []
  const scan = createRecoveryScan({
    baseOffset: 10,
    checkSums: true,
    onBatch: ({ baseOffset }) => offsets.push(baseOffset),
  })
  for (let size = bufferBytes; ; ) {
    const rest = file.subarray(scan.validBytes)
    const step = scan.feed(rest.subarray(0, size), rest.length)
    if (step.kind === 'stop') return { scan, offsets }
    size = Math.max(size, step.needBytes)
  }
}

function logFrom(offset: number, ...batches: string[][]): Buffer[] {
  let next = offset
  return batches.map((values) => {
    const batch = batchOf(values)
    setBaseOffset(batch, next)
    next += values.length
    return batch
  })
}

const values = fc.array(fc.string({ maxLength: 100 }), { minLength: 1, maxLength: 3 })

it('keeps all of a sound log, whatever the size of its buffer', () => {
  fc.assert(
    fc.property(
      fc.array(values, { maxLength: 8 }),
      fc.integer({ min: 1, max: 500 }),
      (batches, bufferBytes) => {
        const file = Buffer.concat(logFrom(10, ...batches))

        const { scan } = scanned(file, bufferBytes)

        expect(scan.damage).toBe(null)
        expect(scan.validBytes).toBe(file.length)
        expect(scan.nextOffset).toBe(10 + batches.flat().length)
      },
    ),
  )
})

it('keeps exactly the batches before a flipped byte or a cut', () => {
  fc.assert(
    fc.property(
      fc.array(values, { minLength: 1, maxLength: 6 }),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 1, max: 500 }),
      (batches, where, flip, bufferBytes) => {
        const parts = logFrom(10, ...batches)
        const file = Buffer.concat(parts)
        const at = where % file.length
        // The leader epoch, bytes 12-15 of a batch, is outside its checksum and means nothing to us.
        const { index, within } = partAt(parts, at)
        fc.pre(within < 12 || within > 15)
        if (flip > 0) file.writeUInt8(file.readUInt8(at) ^ flip, at)
        const damaged = flip > 0 ? file : file.subarray(0, at)

        const { scan } = scanned(damaged, bufferBytes)

        const kept = parts.slice(0, index)
        expect(scan.validBytes).toBe(Buffer.concat(kept).length)
        expect(scan.nextOffset).toBe(10 + batches.slice(0, index).flat().length)
        expect(scan.damage === null).toBe(flip === 0 && within === 0)
      },
    ),
  )
})

it.each([
  ['bad_length', Buffer.alloc(200)],
  ['torn', Buffer.alloc(60)],
  ['bad_offset', batchOf(['x'])],
  [
    'bad_magic',
    Buffer.concat([logFrom(12, ['x'])[0]?.subarray(0, 16) ?? Buffer.alloc(0), Buffer.alloc(100, 1)]),
  ],
])('names the damage of a tail: %s', (damage, tail) => {
  const file = Buffer.concat([...logFrom(10, ['a', 'b']), tail])

  const { scan, offsets } = scanned(file, 1_000)

  expect(scan.damage).toBe(damage)
  expect(offsets).toEqual([10])
})

function partAt(parts: readonly Buffer[], position: number): { index: number; within: number } {
  let start = 0
  for (const [index, part] of parts.entries()) {
    if (position < start + part.length) return { index, within: position - start }
    start += part.length
  }
  throw new Error(`${position} is beyond the end`)
}
