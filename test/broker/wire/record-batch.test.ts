import fc from 'fast-check'
import { compress as lz4Compress } from 'lz4js'
import { describe, expect, it } from 'vitest'
import { createBatchEncoder, encodeTransactionMarker } from '../../../broker/wire/batch-encoder.ts'
import * as header from '../../../broker/wire/batch-header.ts'
import { CorruptBatch } from '../../../broker/wire/corrupt-batch.ts'
import { crc32c } from '../../../broker/wire/crc32c.ts'
import { openBatch, type RecordBatch, splitBatches } from '../../../broker/wire/record-batch.ts'
import { createRecordCursor } from '../../../broker/wire/record-cursor.ts'
import { librdkafkaBatches } from './librdkafka-batches.ts'

const notIdempotent = { producerId: -1, producerEpoch: -1, baseSequence: -1 }

interface PlainRecord {
  offset: number
  timestampMs: number
  key: string | null
  value: string | null
  headers: [string, string | null][]
}

function recordsOf(batch: RecordBatch): PlainRecord[] {
  const cursor = createRecordCursor()
  const text = (start: number, end: number) => (start < 0 ? null : cursor.buffer.toString('utf8', start, end))
  const records: PlainRecord[] = []
  cursor.reset(batch)
  while (cursor.next()) {
    const headers = cursor
      .headers()
      .map(([name, value]): [string, string | null] => [name, value?.toString() ?? null])
    const { offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd } = cursor
    records.push({
      offset,
      timestampMs,
      key: text(keyStart, keyEnd),
      value: text(valueStart, valueEnd),
      headers,
    })
  }
  return records
}

function batchOf(values: string[], compression: 'none' | 'gzip' | 'snappy' = 'none'): Buffer {
  const encoder = createBatchEncoder(64)
  for (const [index, value] of values.entries()) encoder.add(1_000 + index, null, Buffer.from(value))
  return encoder.finish({ ...notIdempotent, compression })
}

/** Puts other record bytes in place of a batch's own, as a client with that codec would have. */
function repack(batch: Buffer, codec: number, packed: Uint8Array): Buffer {
  const bytes = Buffer.concat([batch.subarray(0, header.headerBytes), packed])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt16BE(codec, 21)
  header.setCrc(bytes, 0, bytes.length)
  return bytes
}

describe('a batch', () => {
  it('keeps keys, values, nulls, headers and times', () => {
    const encoder = createBatchEncoder(64)
    encoder.add(1_700_000_000_000, Buffer.from('k'), Buffer.from('v'), [
      ['größe', Buffer.from('1')],
      ['none', null],
    ])
    encoder.add(1_699_999_999_000, null, null)
    encoder.add(1_800_000_000_000, Buffer.alloc(0), Buffer.alloc(0))

    const bytes = encoder.finish({ producerId: 4_294_967_296_001, producerEpoch: 3, baseSequence: 17 })

    const batch = openBatch(bytes)
    expect(batch).toMatchObject({
      baseOffset: 0,
      lastOffset: 2,
      recordCount: 3,
      baseTimestampMs: 1_700_000_000_000,
      maxTimestampMs: 1_800_000_000_000,
      logAppendTime: false,
      producerId: 4_294_967_296_001,
      producerEpoch: 3,
      baseSequence: 17,
      isTransactional: false,
      isControl: false,
    })
    expect(recordsOf(batch)).toEqual([
      {
        offset: 0,
        timestampMs: 1_700_000_000_000,
        key: 'k',
        value: 'v',
        headers: [
          ['größe', '1'],
          ['none', null],
        ],
      },
      { offset: 1, timestampMs: 1_699_999_999_000, key: null, value: null, headers: [] },
      { offset: 2, timestampMs: 1_800_000_000_000, key: '', value: '', headers: [] },
    ])
  })

  it('comes back as it was written, whatever it holds', () => {
    const bytes = fc.option(fc.uint8Array({ maxLength: 300 }))
    const record = fc.tuple(fc.integer({ min: 0, max: 2 ** 45 }), bytes, bytes)
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 40 }),
        fc.constantFrom('none' as const, 'gzip' as const, 'snappy' as const),
        fc.integer({ min: 0, max: 2 ** 50 }),
        (records, compression, baseOffset) => {
          const encoder = createBatchEncoder(16)
          for (const [timestampMs, key, value] of records) encoder.add(timestampMs, key, value)
          const written = encoder.finish({ ...notIdempotent, compression })
          header.setBaseOffset(written, baseOffset)
          header.setLeaderEpoch(written, 0)

          const cursor = createRecordCursor()
          cursor.reset(openBatch(written))

          for (const [index, [timestampMs, key, value]] of records.entries()) {
            expect(cursor.next()).toBe(true)
            expect([cursor.offset, cursor.timestampMs]).toEqual([baseOffset + index, timestampMs])
            const part = (start: number, end: number) =>
              start < 0 ? null : cursor.buffer.subarray(start, end)
            expect(part(cursor.keyStart, cursor.keyEnd)).toEqual(key === null ? null : Buffer.from(key))
            expect(part(cursor.valueStart, cursor.valueEnd)).toEqual(
              value === null ? null : Buffer.from(value),
            )
          }
          expect(cursor.next()).toBe(false)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('is refused when a byte under its CRC is flipped', () => {
    const bytes = batchOf(['a', 'b'])
    for (let at = 21; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      expect(() => openBatch(flipped)).toThrow(CorruptBatch)
    }
  })

  it('with a good CRC and bad records ends in a typed error, never in a crash or a loop', () => {
    const original = batchOf(['some text', 'some more text', 'and more text still'])
    fc.assert(
      fc.property(
        fc.nat(4),
        fc.uint8Array({ minLength: 0, maxLength: 80 }),
        fc.nat(original.length - header.headerBytes),
        (codec, noise, keep) => {
          const packed = Buffer.concat([
            original.subarray(header.headerBytes, header.headerBytes + keep),
            noise,
          ])
          try {
            recordsOf(openBatch(repack(original, codec, packed), 1_000_000))
          } catch (error) {
            expect(error).toBeInstanceOf(CorruptBatch)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('stamped by the broker gives all its records that time', () => {
    const bytes = batchOf(['a', 'b'])
    header.stampLogAppendTime(bytes, 5_000)

    expect(recordsOf(openBatch(bytes)).map(({ timestampMs }) => timestampMs)).toEqual([5_000, 5_000])
  })

  it('is split from its neighbours, without one that was cut off', () => {
    const [a, b] = [batchOf(['a']), batchOf(['b', 'c'])]

    const split = splitBatches(Buffer.concat([a, b, a.subarray(0, a.length - 1)]))

    expect(split.map((bytes) => openBatch(bytes).recordCount)).toEqual([1, 2])
    expect(() => splitBatches(Buffer.alloc(100))).toThrow(CorruptBatch)
  })

  it('that ends a transaction is a control batch with the marker’s key', () => {
    const bytes = encodeTransactionMarker({ kind: 'commit', producerId: 9, producerEpoch: 2, timestampMs: 1 })
    const batch = openBatch(bytes)
    const cursor = createRecordCursor()
    cursor.reset(batch)
    cursor.next()

    expect(batch).toMatchObject({ isControl: true, isTransactional: true, producerId: 9, recordCount: 1 })
    expect(cursor.buffer.subarray(cursor.keyStart, cursor.keyEnd).toString('hex')).toBe('00000001')
    expect(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd).toString('hex')).toBe('000000000000')
  })
})

describe('compressed records', () => {
  const values = ['repeat repeat repeat repeat', 'x'.repeat(100_000), 'end']
  const plain = batchOf(values)
  const read = (bytes: Buffer) =>
    splitBatches(bytes).flatMap((batch) => recordsOf(openBatch(batch)).map(({ value }) => value))

  it.each(['gzip', 'snappy'] as const)('written with %s are smaller and come back', (compression) => {
    const packed = batchOf(values, compression)
    expect(packed.length).toBeLessThan(plain.length / 5)
    expect(read(packed)).toEqual(values)
  })

  it('in lz4 frames come back', () => {
    expect(read(repack(plain, 3, lz4Compress(plain.subarray(61))))).toEqual(values)
  })

  it('in snappy blocks of xerial come back', () => {
    const records = plain.subarray(61)
    const blocks = [records.subarray(0, 40_000), records.subarray(40_000)].map(snappyBlock)
    const framed = Buffer.concat([
      Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex'),
      ...blocks.flatMap((block) => [lengthOf(block), block]),
    ])
    expect(read(repack(plain, 2, framed))).toEqual(values)
  })

  it.each(Object.entries(librdkafkaBatches))('written by librdkafka with %s come back', (_, base64) => {
    const oneToForty = Array.from({ length: 40 }, (_, index) => String(index + 1))
    expect(read(Buffer.from(base64, 'base64'))).toEqual(oneToForty)
  })

  it('in an uncompressed zstd block come back', () => {
    const one = batchOf(['hello'])
    const raw = one.subarray(61)
    // A zstd frame with one raw block: magic, single-segment header with its size, block header (last, raw), bytes.
    const frame = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, raw.length, (raw.length << 3) | 1, 0, 0]),
      raw,
    ])
    expect(read(repack(one, 4, frame))).toEqual(['hello'])
  })

  it('that would unpack into too much are refused', () => {
    const bomb = batchOf(['0'.repeat(2_000_000)], 'gzip')
    expect(bomb.length).toBeLessThan(20_000)
    expect(() => openBatch(bomb, 1_000_000)).toThrow(CorruptBatch)
    const snappyBomb = batchOf(['0'.repeat(2_000_000)], 'snappy')
    expect(() => openBatch(snappyBomb, 1_000_000)).toThrow(CorruptBatch)
    const lz4Bomb = repack(plain, 3, lz4Compress(Buffer.alloc(2_000_000)))
    expect(() => openBatch(lz4Bomb, 1_000_000)).toThrow(CorruptBatch)
  })
})

it('computes the CRC-32C of the standard’s check value', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
})

function snappyBlock(part: Buffer): Buffer {
  // Literals only: a length varint, then one literal with a 4-byte length.
  const size: number[] = []
  for (let rest = part.length; ; rest = Math.floor(rest / 128)) {
    size.push(rest >= 128 ? (rest % 128) | 0x80 : rest)
    if (rest < 128) break
  }
  const literal = Buffer.alloc(5)
  literal[0] = 63 << 2
  literal.writeUInt32LE(part.length - 1, 1)
  return Buffer.concat([Buffer.from(size), literal, part])
}

function lengthOf(block: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(block.length)
  return length
}
