import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Api,
  decodeRequestBody,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../../broker/wire/api.ts'
import * as wire from '../../../broker/wire/index.ts'
import type { Layout } from '../../../broker/wire/layout.ts'
import { MalformedFrame } from '../../../broker/wire/primitives.ts'
import { createRandomReader } from './random-reader.ts'

type AnyApi = Api<unknown, unknown>
const exported: unknown[] = Object.values(wire)
const apis = exported.filter(
  (value): value is AnyApi => typeof value === 'object' && value !== null && 'flexFrom' in value,
)
const cases = apis.flatMap((api) =>
  Array.from({ length: api.maxVersion - api.minVersion + 1 }, (_, step) => ({
    api,
    version: api.minVersion + step,
    name: `${api.name} ${api.minVersion + step}`,
  })),
)

it('knows every API of the broker’s table and those its client needs', () => {
  expect(apis.map(({ key }) => key).sort((a, b) => a - b)).toEqual([
    0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 32, 33, 36, 37, 42, 44, 47,
  ])
})

describe.each(cases)('$name', ({ api, version }) => {
  it('reads back the requests it writes', () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, mayBeNull) => {
        const body = arbitraryValue(api.request, version, seed, mayBeNull)

        const sent = encodeRequest(api, { version, correlationId: 7, clientId: 'me', body })

        const frame = unframe(sent)
        const { header, bodyAt } = decodeRequestHeader(frame)
        expect(header).toEqual({ apiKey: api.key, apiVersion: version, correlationId: 7, clientId: 'me' })
        // Not expect: it takes a second for what holds a few large buffers.
        deepStrictEqual(decodeRequestBody(api, version, frame, bodyAt), body)
      }),
      { numRuns: 30 },
    )
  })

  it('reads back the responses it writes', () => {
    fc.assert(
      fc.property(fc.integer(), fc.boolean(), (seed, mayBeNull) => {
        const body = arbitraryValue(api.response, version, seed, mayBeNull)

        const sent = encodeResponse(api, { version, correlationId: -7, body })

        deepStrictEqual(decodeResponse(api, version, unframe(sent)), { correlationId: -7, body })
      }),
      { numRuns: 30 },
    )
  })

  it('survives any bytes with a typed error at most', () => {
    const read = (bytes: Uint8Array): void => {
      for (const decode of [
        () => decodeRequestBody(api, version, Buffer.from(bytes), 0),
        () => decodeResponse(api, version, Buffer.from(bytes)),
      ]) {
        try {
          decode()
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedFrame)
        }
      }
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), read), { numRuns: 50 })
    fc.assert(
      fc.property(fc.integer(), fc.nat(), fc.nat(255), (seed, at, byte) => {
        const body = arbitraryValue(api.response, version, seed, false)
        const frame = unframe(encodeResponse(api, { version, correlationId: 1, body }))
        frame[at % frame.length] = byte
        read(frame)
      }),
      { numRuns: 50 },
    )
  })
})

it('leaves the tag section out of the header of ApiVersions answers only', () => {
  const versions = encodeResponse(wire.apiVersions, {
    version: 3,
    correlationId: 1,
    body: { errorCode: 0, apiKeys: [], throttleTimeMs: 0 },
  })
  expect(unframe(versions).toString('hex')).toBe('00000001' + '0000' + '01' + '00000000' + '00')
  const groups = encodeResponse(wire.listGroups, {
    version: 3,
    correlationId: 1,
    body: { throttleTimeMs: 0, errorCode: 0, groups: [] },
  })
  expect(unframe(groups).toString('hex')).toBe('00000001' + '00' + '00000000' + '0000' + '01' + '00')
})

it('writes a request as the protocol wants it, byte for byte', () => {
  const body = { groupId: 'g', generationId: 5, memberId: 'm', groupInstanceId: null }
  const sent = encodeRequest(wire.heartbeat, { version: 3, correlationId: 9, clientId: 'c', body })
  const header = '000c' + '0003' + '00000009' + '000163'
  const fields = '000167' + '00000005' + '00016d' + 'ffff'
  expect(Buffer.concat(sent).toString('hex')).toBe(`00000017${header}${fields}`)
})

it('finds the newest version both sides speak', () => {
  const { commonVersion, fetch } = wire
  expect(commonVersion(fetch, { minVersion: 0, maxVersion: 9 })).toBe(9)
  expect(commonVersion(fetch, { minVersion: 4, maxVersion: 17 })).toBe(11)
  expect(commonVersion(fetch, { minVersion: 12, maxVersion: 17 })).toBeNull()
  expect(commonVersion(fetch, undefined)).toBeNull()
})

function arbitraryValue(layout: Layout<unknown>, version: number, seed: number, mayBeNull: boolean): unknown {
  try {
    return layout.read(createRandomReader(seed, mayBeNull), version)
  } catch (error) {
    // The random reader put null where the layout has none; without nulls it always works.
    if (!(error instanceof MalformedFrame)) throw error
    return layout.read(createRandomReader(seed, false), version)
  }
}

function unframe(chunks: Buffer[]): Buffer {
  const all = Buffer.concat(chunks)
  expect(all.readInt32BE(0)).toBe(all.length - 4)
  return all.subarray(4)
}
