import fc from 'fast-check'
import { noon } from '../fixtures/events.ts'

/** Records for fuzz tests: mostly near to good ones, so that few are turned away at the first look. */

export const anyRecordTime = fc.constantFrom(-1, -1, -1, 0, noon, noon + 86_400_000)
export const anyNeighbour = fc
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
  fc.constantFrom('-0', '0', '1e3', '1E-2', '-0.0', '1e999', '9007199254740993', '1.50', '1e290', '2e290'),
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
const goodTimeText = fc.constantFrom(
  '"2026-01-31T12:00:00Z"',
  '"2026-01-31T12:00:00.125Z"',
  '"2026-01-31 12:00:00+01:00"',
  '"2026-01-31T12:00:00"',
  '1769851800',
  '1769851800123',
  '1769851800123456',
)
const anyQuoted = anyText.chain((text) =>
  fc.boolean().map((isEscaped) => (isEscaped ? escapedText(text) : JSON.stringify(text))),
)
const anyScalar = fc.oneof(
  { weight: 9, arbitrary: anyQuoted },
  { weight: 6, arbitrary: anyNumberText },
  { weight: 6, arbitrary: fc.constantFrom('null', 'true', 'false') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('nul', 'True', 'falsy', '01', '.5', '1.', '-', '+1', '1e', '0x1', "'a'"),
  },
)
const anyBlank = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('', '', ' ', '\t\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\u00a0', '\f', '\v') },
)

export const { anyValue, anyMembers } = fc.letrec<{ anyValue: string; anyMembers: string }>((tie) => ({
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

export const anyJsonRecord: fc.Arbitrary<Buffer> = fc
  .record({
    prefix: fc.constantFrom(...'{{{{{{{{', ' {', '{"dataflow":1,', '{"dataflow":1,', '\ufeff{', '[{'),
    type: fc.option(mostly(fc.constantFrom('"click"', '"view"'), mostly(anyQuoted, anyValue)), { freq: 20 }),
    time: fc.option(mostly(goodTimeText, mostly(anyTimeText, anyValue)), { freq: 20 }),
    names: fc.constantFrom('plain', 'foreign', 'both', 'both'),
    value: fc.option(mostly(anyNumberText, anyValue)),
    rest: fc.array(mostly(anyMember(), fc.tuple(anyKey(), anyValue)), { maxLength: 6 }),
    blank: anyBlank,
    order: fc.nat(),
  })
  .map(({ prefix, type, time, names, value, rest, blank, order }) => {
    const members = rest.map(([key, value]) => `${key}:${blank}${value}`)
    const place = (member: string, by: number): void => {
      members.splice((order * by) % (members.length + 1), 0, member)
    }
    const [isForeign, isPlain] = [names !== 'plain', names !== 'foreign']
    if (isForeign && type !== null) place(`"type":${type}`, 7)
    if (isForeign && time !== null) place(`"at":{"x":${blank}1,"time":${time}}`, 13)
    if (isPlain && type !== null) place(`"event_type":${type}`, 17)
    if (isPlain && time !== null) place(`"timestamp":${time}`, 19)
    if (value !== null) place(`"value":${value}`, 23)
    return Buffer.from(`${prefix}${members.join(`${blank},`)}}${blank}`)
  })

/** A key with a value that suits it. */
function anyMember(): fc.Arbitrary<[string, string]> {
  const anyId = mostly(anyQuoted, fc.constantFrom('17', '-3', 'null', '1.5', '9007199254740993'))
  const inside = anyMembers.filter((text) => text !== '{}')
  return fc.oneof(
    fc.tuple(fc.constantFrom('"event_id"', '"user_id"'), anyId),
    fc
      .tuple(fc.constant('"actor"'), mostly(anyId, inside))
      .map(([key, id]): [string, string] => [key, `{"login":${id}}`]),
    fc.tuple(fc.constantFrom('"properties"', '"geo"'), inside),
    fc.tuple(fc.constantFrom('"country"', '"device"'), anyScalar),
  )
}

/** Four times out of five. */
function mostly<T>(often: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 4, arbitrary: often }, { weight: 1, arbitrary: seldom })
}

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

export const anyDamage: fc.Arbitrary<(record: Buffer) => Buffer> = fc
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
