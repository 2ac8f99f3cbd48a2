import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createEventDecoder,
  createProjection,
  dimensionValues,
  type EventSettings,
  encodeEvent,
  type Parsed,
  type Projection,
  parseDimensions,
  parseEventMap,
} from '../../events/index.ts'
import { createAvroProjector } from '../../events/projection-avro.ts'
import { createProjectedFields } from '../../events/projection-fields.ts'
import { createJsonProjector } from '../../events/projection-json.ts'
import { anEvent, anyEvent, jsonLine, noon, plainSettings } from '../fixtures/events.ts'

const settingsByName: Record<string, EventSettings> = {
  'plain settings': plainSettings,
  'a map and dimensions': {
    map: parseEventMap('event_type=type,timestamp=at.time,user_id=actor.login,value=properties.amount'),
    timezone: 'Europe/Berlin',
    dimensions: parseDimensions('country=properties.geo.country,device=properties.device,t=properties.type'),
    maxFutureMs: 1_000,
  },
  'plain names and dimensions': {
    ...plainSettings,
    dimensions: parseDimensions(
      'country=properties.geo.country,device=properties.device,value=properties.value',
    ),
  },
  'paths that overlap': {
    ...plainSettings,
    map: parseEventMap('event_type=a,user_id=a.b,value=properties'),
    dimensions: parseDimensions('d=properties.properties'),
  },
}

/** All that the projection says of a record, in words. */
function view(projection: Projection, isAccepted: boolean): unknown {
  if (!isAccepted) return projection.rejection?.reason
  const { typeId, timestampMs, hasValue, value, dimensionIds } = projection
  const dimensions = [...dimensionIds].map((id, column) => projection.dimensionValue(column, id))
  return { type: projection.typeName(typeId), timestampMs, value: hasValue ? value : null, dimensions }
}

/** The same of what the decoder says. */
function viewOf(parsed: Parsed, settings: EventSettings): unknown {
  if (parsed.kind === 'rejected') return parsed.reason
  const { eventType, timestampMs, value } = parsed.event
  const dimensions = dimensionValues(parsed.event, settings.dimensions).map((text) =>
    text !== null && Buffer.byteLength(text) > 64 ? '__other__' : text,
  )
  return { type: eventType, timestampMs, value, dimensions }
}

describe.each(Object.entries(settingsByName))('with %s', (_name, settings) => {
  const projection = createProjection(settings)
  const decoder = createEventDecoder(settings)
  const agrees = (record: Buffer, recordTimestampMs: number, around: Buffer): void => {
    const buffer = Buffer.concat([around, record, around])
    const isAccepted = projection.read(
      buffer,
      around.length,
      around.length + record.length,
      recordTimestampMs,
    )

    expect(view(projection, isAccepted)).toEqual(
      viewOf(decoder.decode(record, '', recordTimestampMs), settings),
    )
  }

  it('agrees with the decoder on JSON of every kind', () => {
    fc.assert(fc.property(anyJsonRecord, anyRecordTime, anyNeighbour, agrees), { numRuns: 3_000 })
  })

  it('agrees with the decoder on spoilt JSON', () => {
    fc.assert(
      fc.property(anyJsonRecord, anyDamage, anyRecordTime, anyNeighbour, (record, damage, time, around) => {
        agrees(damage(record), time, around)
      }),
      { numRuns: 3_000 },
    )
  })

  it('agrees with the decoder on Avro, whole and spoilt', () => {
    const anyAvro = anyEvent.chain((event) =>
      fc.option(anyMembers, { freq: 2 }).map((members) => {
        const properties = members === null ? event.properties : members
        return Buffer.from(encodeEvent({ ...event, properties }, 'avro'))
      }),
    )

    fc.assert(
      fc.property(anyAvro, anyDamage, anyRecordTime, anyNeighbour, (record, damage, time, around) => {
        agrees(record, time, around)
        agrees(damage(record), time, around)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('the byte readers', () => {
  const dimensions = parseDimensions('country=properties.geo.country,device=properties.device')
  const fields = createProjectedFields(2)

  it('take a common JSON event without the decoder', () => {
    const json = createJsonProjector({ map: parseEventMap(''), dimensions, isUtc: true }, fields)
    const record = jsonLine({
      event_id: 'e-1',
      event_type: 'purchase',
      timestamp: '2026-01-31T12:00:00.250Z',
      user_id: 'Åsa',
      value: 12.5,
      properties: { geo: { country: 'SE' }, device: 'phone', items: [{ name: 'a "quoted" one' }] },
    })

    expect(json.read(record, 0, record.length)).toBe(true)
    expect(record.toString('utf8', fields.typeStart, fields.typeEnd)).toBe('purchase')
    expect(fields).toMatchObject({ timestampMs: noon + 250, hasValue: true, value: 12.5 })
    expect(record.toString('utf8', fields.dimensionStarts[0], fields.dimensionEnds[0])).toBe('SE')
    expect(record.toString('utf8', fields.dimensionStarts[1], fields.dimensionEnds[1])).toBe('phone')
  })

  it.each(['2026-01-31T12:00:00Z', '2026-01-31 13:00:00+01:00', '2026-01-31T12:00:00', noon, noon / 1_000])(
    'take the timestamp %j without the decoder',
    (timestamp) => {
      const json = createJsonProjector({ map: parseEventMap(''), dimensions: [], isUtc: true }, fields)
      const record = jsonLine({ event_type: 'click', timestamp })

      expect(json.read(record, 0, record.length)).toBe(true)
      expect(fields.timestampMs).toBe(noon)
    },
  )

  it('take a common Avro event, and our own JSON form, without the decoder', () => {
    const avro = createAvroProjector(dimensions, fields)
    const json = createJsonProjector(
      { map: parseEventMap('event_type=type'), dimensions, isUtc: true },
      fields,
    )
    const event = anEvent({ value: -2, properties: '{"device":"phone","geo":{"country":"SE"}}' })
    const asAvro = Buffer.from(encodeEvent(event, 'avro'))
    const asJson = Buffer.from(encodeEvent(event, 'json'))

    expect(avro.read(asAvro, 0, asAvro.length)).toBe(true)
    expect(fields).toMatchObject({ timestampMs: noon, hasValue: true, value: -2 })
    expect(asAvro.toString('utf8', fields.dimensionStarts[0], fields.dimensionEnds[0])).toBe('SE')
    expect(json.read(asJson, 0, asJson.length)).toBe(true)
    expect(fields).toMatchObject({ timestampMs: noon, hasValue: true, value: -2 })
  })
})

describe('names', () => {
  const dimensions = parseDimensions('device=properties.device')

  it('have one number each, until a reset', () => {
    const projection = createProjection(plainSettings)
    const ids = ['view', 'click', 'view', 'view', 'buy'].map((eventType) => {
      const record = Buffer.from(encodeEvent(anEvent({ eventType }), 'avro'))
      projection.read(record, 0, record.length, -1)
      return projection.typeId
    })
    projection.reset()
    const click = Buffer.from(encodeEvent(anEvent(), 'avro'))
    projection.read(click, 0, click.length, -1)

    expect(ids).toEqual([0, 1, 0, 0, 2])
    expect(projection.typeId).toBe(0)
    expect(projection.typeName(0)).toBe('click')
  })

  it('of a dimension become __other__ beyond 64 bytes and beyond 1,000 different ones', () => {
    const projection = createProjection({ ...plainSettings, dimensions })
    const deviceOf = (device: unknown): unknown => {
      const record = jsonLine({ event_type: 'click', timestamp: noon, properties: { device } })
      return view(projection, projection.read(record, 0, record.length, -1))
    }

    expect(deviceOf('x'.repeat(65))).toMatchObject({ dimensions: ['__other__'] })
    for (let number = 0; number < 1_000; number++) {
      expect(deviceOf(`device ${number}`)).toMatchObject({ dimensions: [`device ${number}`] })
    }
    expect(deviceOf('one more')).toMatchObject({ dimensions: ['__other__'] })
    expect(deviceOf('one\tmore')).toMatchObject({ dimensions: ['__other__'] }) // by the decoder
    expect(deviceOf('device 999')).toMatchObject({ dimensions: ['device 999'] })
    expect(deviceOf(null)).toMatchObject({ dimensions: [null] })
    projection.reset()
    expect(deviceOf('one more')).toMatchObject({ dimensions: ['one more'] })
  })

  it('of many types keep their numbers as the table grows', () => {
    const projection = createProjection(plainSettings)
    const names = Array.from({ length: 5_000 }, (_, at) => `type ${at}`)
    const records = names.map((eventType) => jsonLine({ event_type: eventType, timestamp: noon }))

    for (let round = 0; round < 2; round++) {
      for (const [at, record] of records.entries()) {
        projection.read(record, 0, record.length, -1)
        expect(projection.typeId).toBe(at)
      }
    }
    expect(names.map((_, id) => projection.typeName(id))).toEqual(names)
  })

  it('are not kept of an event that is turned away', () => {
    const projection = createProjection(plainSettings)
    const future = jsonLine({ event_type: 'later', timestamp: noon + 3_600_001 })
    const click = jsonLine({ event_type: 'click', timestamp: noon })

    expect(projection.read(future, 0, future.length, noon)).toBe(false)
    expect(projection.rejection?.reason).toBe('timestamp_in_future')
    expect(projection.read(click, 0, click.length, noon)).toBe(true)
    expect(projection.typeId).toBe(0)
    expect(projection.rejection).toBeNull()
  })

  it('are not asked of a record without a value', () => {
    const projection = createProjection(plainSettings)

    expect(projection.read(Buffer.of(), -1, -1, noon)).toBe(false)
    expect(projection.rejection?.reason).toBe('empty_value')
    expect(projection.read(Buffer.from('x'), 1, 1, noon)).toBe(false)
    expect(projection.rejection?.reason).toBe('empty_value')
  })
})

// What follows makes records: mostly near to good ones, so that few are turned away at the first look.

const anyRecordTime = fc.constantFrom(-1, 0, noon, noon + 86_400_000)
const anyNeighbour = fc
  .constantFrom('', '"', '0', '}', '12345', '\\', ',"a":1}')
  .map((text) => Buffer.from(text))

const anyText = fc.oneof(
  fc.constantFrom(
    'click',
    'SE',
    '',
    'x'.repeat(64),
    'x'.repeat(65),
    'é'.repeat(130),
    'a'.repeat(300),
    '\u0085',
    '\ud800',
  ),
  fc.string({ maxLength: 12, unit: 'binary' }),
  fc.string({ maxLength: 12 }),
)
const anyNumberText = fc.oneof(
  fc.constantFrom(
    '-0',
    '0',
    '1e3',
    '1E-2',
    '-0.0',
    '1e999',
    '9007199254740993',
    '1.50',
    '1e290',
    '2e290',
    '01',
    '.5',
    '1.',
    '-',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.tuple(fc.nat(), fc.stringMatching(/^[0-9]{1,25}$/)).map(([whole, fraction]) => `${whole}.${fraction}`),
)
const anyTimeText = fc.oneof(
  fc.integer({ min: -62_135_600_000_000, max: 253_402_300_900_000 }).map((ms) => {
    const text = new Date(ms).toISOString()
    return JSON.stringify(text)
  }),
  fc.constantFrom(
    '"2026-01-31T12:00:00Z"',
    '"2026-02-29T12:00:00Z"',
    '"2024-02-29T23:59:59.9999999Z"',
    '"2026-01-31 12:00"',
    '"2026-01-31T12:00:00"',
    '"2026-03-29T02:30:00"',
    '"2026-01-31T12:00:00+01:00"',
    '"1970-01-01T00:00:00+01:00"',
    '"2016-12-31T23:59:60Z"',
    '"2026-01-31T12:00:00.Z"',
    '"9999-12-31T23:59:59-00:01"',
    '"2026-13-01T00:00:00Z"',
    '"2026-01-00T00:00:00Z"',
    '"2026-01-31T24:00:00Z"',
    '"2026-01-31T12:60:00Z"',
    '"2026-01-31T12:00:00+24:00"',
    '"2026-01-31T12:00:00é"',
  ),
  fc
    .tuple(fc.constantFrom('', '-'), fc.constantFrom(9, 10, 11, 12, 13, 14, 15, 16, 17), fc.nat(9))
    .map(([sign, digits, digit]) => `${sign}${'1769851800123456789'.slice(0, digits - 1)}${digit}`),
  anyNumberText,
)
const anyQuoted = anyText.chain((text) =>
  fc.boolean().map((isEscaped) => (isEscaped ? escapedText(text) : JSON.stringify(text))),
)
const anyScalar = fc.oneof(anyQuoted, anyNumberText, fc.constantFrom('null', 'true', 'false', 'nul', 'True'))
const anyBlank = fc.constantFrom('', '', '', ' ', '\t\r\n', '\u00a0')

const { anyValue, anyMembers } = fc.letrec<{ anyValue: string; anyMembers: string }>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: anyScalar },
    {
      weight: 1,
      arbitrary: fc.array(tie('anyValue'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    },
    { weight: 2, arbitrary: tie('anyMembers') },
    { weight: 1, arbitrary: fc.integer({ min: 95, max: 102 }).map((n) => '['.repeat(n) + ']'.repeat(n)) },
  ),
  anyMembers: fc
    .array(fc.tuple(anyKey(), tie('anyValue'), anyBlank), { maxLength: 5 })
    .map((members) => `{${members.map(([key, value, blank]) => `${key}${blank}:${value}`).join(',')}}`),
}))

const anyJsonRecord: fc.Arbitrary<Buffer> = fc
  .record({
    prefix: fc.constantFrom('{', '{', '{', ' {', '{"dataflow":1,', '\ufeff{', '[{'),
    type: fc.option(fc.oneof({ weight: 4, arbitrary: anyQuoted }, { weight: 1, arbitrary: anyValue }), {
      freq: 10,
    }),
    time: fc.option(fc.oneof({ weight: 6, arbitrary: anyTimeText }, { weight: 1, arbitrary: anyValue }), {
      freq: 10,
    }),
    isForeign: fc.boolean(),
    rest: fc.array(fc.tuple(anyKey(), anyValue), { maxLength: 6 }),
    blank: anyBlank,
    order: fc.nat(),
  })
  .map(({ prefix, type, time, isForeign, rest, blank, order }) => {
    const members = rest.map(([key, value]) => `${key}:${blank}${value}`)
    const place = (member: string, by: number): void => {
      members.splice((order * by) % (members.length + 1), 0, member)
    }
    if (type !== null) place(`"${isForeign ? 'type' : 'event_type'}":${type}`, 7)
    if (time !== null) place(isForeign ? `"at":{"x":${blank}1,"time":${time}}` : `"timestamp":${time}`, 13)
    return Buffer.from(`${prefix}${members.join(`${blank},`)}}${blank}`)
  })

function anyKey(): fc.Arbitrary<string> {
  const names = [
    'event_id',
    'user_id',
    'value',
    'properties',
    'actor',
    'login',
    'geo',
    'country',
    'device',
    'type',
  ]
  const more = ['amount', 'a', 'b', 'timestamp', 'event_type', 'dataflow', '__proto__', 'é', '']
  return fc
    .tuple(fc.constantFrom(...names, ...names, ...more), fc.nat(15))
    .map(([name, draw]) => (draw === 0 ? escapedText(name) : JSON.stringify(name)))
}

/** Every character as an escape. */
function escapedText(text: string): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at))
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`
}

const anyDamage: fc.Arbitrary<(record: Buffer) => Buffer> = fc
  .tuple(fc.nat(), fc.nat(255), fc.constantFrom('replace', 'insert', 'remove', 'cut', 'double'))
  .map(([draw, byte, kind]) => (record: Buffer) => {
    const at = draw % (record.length + 1)
    const [before, after] = [record.subarray(0, at), record.subarray(at)]
    switch (kind) {
      case 'replace':
        return Buffer.concat([before, Buffer.of(byte), after.subarray(1)])
      case 'insert':
        return Buffer.concat([before, Buffer.of(byte), after])
      case 'remove':
        return Buffer.concat([before, after.subarray(1)])
      case 'cut':
        return before
      default:
        return Buffer.concat([record, after])
    }
  })
