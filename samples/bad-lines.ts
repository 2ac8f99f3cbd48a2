/** Eight ways in which a line is not an event. Each leads to the reason code that it is listed under. */
export const badLineKinds = [
  'not_json',
  'not_an_object',
  'missing_event_type',
  'bad_event_type',
  'missing_timestamp',
  'bad_timestamp',
  'bad_value',
  'invalid_utf8',
] as const

const cities = ['Malmö', 'Köln', 'Orléans', 'Łódź', 'São Paulo']

/** The bad line number `index`; `good` is a good line to spoil where that serves. Kinds take turns. */
export function badLine(index: number, good: Buffer): Buffer {
  const round = Math.floor(index / badLineKinds.length)
  const kind = badLineKinds[index % badLineKinds.length]
  const user = `"user_id":"user-${round}"`
  switch (kind) {
    case 'not_json':
      return good.subarray(0, good.length - 5 - 7 * round) // cut off
    case 'not_an_object':
      return Buffer.from(['"click"', '42', 'null', 'true', '"done"'][round] ?? '0')
    case 'missing_event_type':
      return Buffer.from(`{"timestamp":"2025-09-0${round + 1}T08:00:00Z",${user},"kind":"click"}`)
    case 'bad_event_type':
      return Buffer.from(`{"event_type":"cli\\u000${round}ck","timestamp":"2025-09-02T08:00:00Z",${user}}`)
    case 'missing_timestamp':
      return Buffer.from(`{"event_type":"view",${user},"page":"/sale"}`)
    case 'bad_timestamp':
      return Buffer.from(`{"event_type":"view","timestamp":"2025-13-0${round + 1}T08:00:00Z",${user}}`)
    case 'bad_value': {
      const value = `"${10 + round},50 EUR"`
      return Buffer.from(
        `{"event_type":"purchase","timestamp":"2025-09-05T19:00:00Z",${user},"value":${value}}`,
      )
    }
    case 'invalid_utf8': {
      const city = cities[round] ?? 'Malmö'
      const text = `{"event_type":"login","timestamp":"2025-09-06T20:00:00Z",${user},"city":"${city}"}`
      return Buffer.from(text, 'latin1')
    }
    default:
      throw new Error(`there is no bad line number ${index}`)
  }
}
