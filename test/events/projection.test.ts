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
import { anyDamage, anyJsonRecord, anyMembers, anyNeighbour, anyRecordTime } from './any-record.ts'

const settingsByName: Record<string, EventSettings> = {
  'plain settings': plainSettings,
  'a map and dimensions': {
    map: parseEventMap('event_type=type,timestamp=at.time,user_id=actor.login,value=properties.amount'),
    timezone: 'Europe/Berlin',
    dimensions: parseDimensions('country=properties.geo.country,d=properties.dataflow,t=properties.type'),
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

/** Each breaks a byte reader that forgets one rule; the last ones hold bytes that are not UTF-8. */
const trickyRecords = [
  '{"properties":{"geo":{"country":"SE"}},"event_type":"a","timestamp":0,"properties":{}}',
  '{"type":"a","at":{"time":0},"at":{},"properties":{"geo":{"country":"SE"},"geo":1}}',
  '{"event_type":"a","timestamp":0,"geo":null,"properties":{"geo":{"country":"SE"}}}',
  '{"event_type":"a","timestamp":0,"\\u0065vent_type":"b"}',
  '{"dataflow":1,"event_type":"a","timestamp":0,"type":"b","at":{"time":1}}',
  '{"dataflow":2,"event_type":"a","timestamp":0,"type":"b","at":{"time":1}}',
  '{"event_type":"a","timestamp":0}\f',
  `{"event_type":"a","timestamp":0,"user_id":"${'x'.repeat(256)}"}`,
  `{"event_type":"a","timestamp":0,"user_id":"${'x'.repeat(257)}"}`,
  `{"event_type":"a","timestamp":0,"event_id":"${'x'.repeat(2_049)}"}`,
  '{"event_type":"a","timestamp":0,"event_id":1.5}',
  '{"event_type":"a","timestamp":0,"value":-0.0}',
  '{"event_type":"a","timestamp":0,"value":2e290}',
  '{"event_type":"a","timestamp":0,"device":-0}',
  '{"event_type":"a","timestamp":0,"device":1.0}',
  '{"event_type":"a","timestamp":0,"device":1e3}',
  '{"event_type":"a","timestamp":0,"x":"\\u12"}',
  '{"event_type":"a","timestamp":0,"x":"\\',
  '{"event_type":"a","timestamp":0,"x":"\xff"}',
  '{"event_type":"a","timestamp":0,"x":"\xc3\xa9\xc3"}',
  '{"event_type":"\xc3\xa9","timestamp":0,"\xed\xa0\x80":1}',
]

const header = Buffer.from(encodeEvent(anEvent(), 'avro')).toString('hex', 0, 10)
/** After the header: event_id "", event_type "a", timestamp 0, user_id null, value null, properties null. */
const trickyAvro: [what: string, record: Buffer][] = Object.entries({
  'nothing odd': '00 0261 00 00 00 00',
  'a length below zero': '01 0261 00 00 00 00',
  'a type of a length below zero': '00 0361 00 00 00 00',
  'a string that goes on after the end': '00 0261 00 00 00 020a 30',
  'a value that goes on after the end': '00 0261 00 00 02 000000',
  'a type that goes on after the end': '00 4061',
  'a length of three bytes': '808000 0261 00 00 00 00',
  'a length of five bytes': '8080808000 0261 00 00 00 00',
  'a branch that does not exist': '00 0261 00 00 00 04',
  'a value branch that does not exist': '00 0261 00 00 04 00',
  'a branch in two bytes': '00 0261 00 8200 30 00 00',
  'a value that is not a number': '00 0261 00 00 02 000000000000f87f 00',
  'a value of minus zero': '00 0261 00 00 02 0000000000000080 00',
  'a value that is too large': '00 0261 00 00 02 ffffffffffffef7f 00',
  'a timestamp of ten bytes': '00 0261 80808080808080808001 00 00 00',
  'a timestamp in eight bytes that is small': '00 0261 8280808080808000 00 00 00',
  'a negative timestamp': '00 0261 03 00 00 00',
  'a type that is not UTF-8': '00 02ff 00 00 00 00',
  'a type with a control character': '00 0209 00 00 00 00',
  'properties that are not JSON': '00 0261 00 00 00 02 04 7b78',
  'properties that are not UTF-8': `00 0261 00 00 00 02 22 ${Buffer.from('{"device":"').toString('hex')}ff${Buffer.from('xxx"}').toString('hex')}`,
  'a byte too many': '00 0261 00 00 00 00 00',
}).map(([what, hex]) => [what, Buffer.from(header + hex.replaceAll(' ', ''), 'hex')])

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
  let accepted = 0
  const agrees = (record: Buffer, recordTimestampMs: number, around: Buffer): void => {
    const buffer = Buffer.concat([around, record, around])
    const isAccepted = projection.read(
      buffer,
      around.length,
      around.length + record.length,
      recordTimestampMs,
    )
    if (isAccepted) accepted++

    expect(view(projection, isAccepted)).toEqual(
      viewOf(decoder.decode(record, '', recordTimestampMs), settings),
    )
  }

  it('agrees with the decoder on JSON of every kind', () => {
    fc.assert(fc.property(anyJsonRecord, anyRecordTime, anyNeighbour, agrees), { numRuns: 3_000 })
    if (settings.map.event_type[0] !== 'a') expect(accepted).toBeGreaterThan(300) // or it would show little
  })

  it.each(trickyRecords)('agrees with the decoder on %j', (text) => {
    agrees(Buffer.from(text, 'latin1'), -1, Buffer.from('"'))
  })

  it.each(trickyAvro)('agrees with the decoder on Avro with %s', (_what, record) => {
    agrees(record, -1, Buffer.alloc(16, '0'))
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

  it('that read alike are one, however their bytes differ', () => {
    const projection = createProjection(plainSettings)
    const ids = ['ff', 'fe', 'ff'].map((byte) => {
      const record = Buffer.from(`${header}0002${byte}00000000`, 'hex')
      expect(projection.read(record, 0, record.length, -1)).toBe(true)
      return projection.typeId
    })

    expect(ids).toEqual([0, 0, 0])
    expect(projection.typeName(0)).toBe('\ufffd')
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
