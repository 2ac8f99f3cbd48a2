import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeFrames, encodeFrame } from '../../../../broker/embedded/disk/frames.ts'

const payloads = fc.array(
  fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 10 },
)

it('gives back whole frames only, wherever the file is cut', () => {
  fc.assert(
    fc.property(payloads, fc.nat(), (all, where) => {
      const frames = all.map((payload) => encodeFrame(payload))
      const file = Buffer.concat(frames)
      const cut = file.subarray(0, where % (file.length + 1))

      const decoded = decodeFrames(cut)

      const ends = frames.map((_, i) => Buffer.concat(frames.slice(0, i + 1)).length)
      const whole = ends.filter((end) => end <= cut.length).length
      expect(decoded.payloads).toEqual(all.slice(0, whole))
      expect(decoded.validBytes).toBe(ends[whole - 1] ?? 0)
    }),
  )
})

it('stops at a flipped byte and at zeros', () => {
  const file = Buffer.concat([
    encodeFrame(Buffer.from('one')),
    encodeFrame(Buffer.from('two')),
    Buffer.alloc(64),
  ])
  expect(decodeFrames(file)).toEqual({ payloads: [Buffer.from('one'), Buffer.from('two')], validBytes: 22 })

  file.writeUInt8(file.readUInt8(20) ^ 4, 20)

  expect(decodeFrames(file)).toEqual({ payloads: [Buffer.from('one')], validBytes: 11 })
})
