import type { ParsedUrlQuery } from 'node:querystring'
import { invalidParameters, type ParameterError } from './problems.ts'
import { type Interval, parseTime } from './query/interval.ts'
import { nearestWords } from './query/nearest-words.ts'

export interface EventsQuery {
  eventType: string
  interval: Interval
}

/** As the event contract has it: no event can have another type. */
const maxTypeLength = 128

/** @throws {RequestRejected} naming every parameter that is wrong */
export function parseEventsQuery(query: ParsedUrlQuery): EventsQuery {
  const errors: ParameterError[] = []
  refuseUnknown(query, ['event_type', 'from', 'to'], errors)
  const eventType = single(query, 'event_type', errors) ?? ''
  if (query.event_type === undefined || eventType === '') {
    if (!Array.isArray(query.event_type)) {
      errors.push({ parameter: 'event_type', detail: 'is required, such as event_type=click' })
    }
  } else if ([...eventType].length > maxTypeLength || /\p{Cc}/u.test(eventType)) {
    errors.push({
      parameter: 'event_type',
      detail: `must have at most ${maxTypeLength} characters and no control characters`,
    })
  }
  const interval = parseInterval(query, errors)
  if (errors.length > 0) throw invalidParameters(errors)
  return { eventType, interval }
}

/** @throws {RequestRejected} naming every parameter that is wrong */
export function parseIntervalQuery(query: ParsedUrlQuery): Interval {
  const errors: ParameterError[] = []
  refuseUnknown(query, ['from', 'to'], errors)
  const interval = parseInterval(query, errors)
  if (errors.length > 0) throw invalidParameters(errors)
  return interval
}

function parseInterval(query: ParsedUrlQuery, errors: ParameterError[]): Interval {
  const time = (parameter: string): number | null => {
    const text = single(query, parameter, errors)
    if (text === undefined) return null
    const parsed = parseTime(text)
    if (parsed.kind === 'time') return parsed.timeMs
    errors.push({ parameter, detail: parsed.detail })
    return null
  }
  const interval = { fromMs: time('from'), toMs: time('to') }
  if (interval.fromMs !== null && interval.toMs !== null && interval.fromMs >= interval.toMs) {
    errors.push({ parameter: 'to', detail: 'must be later than from; the interval is [from, to)' })
  }
  return interval
}

function single(query: ParsedUrlQuery, parameter: string, errors: ParameterError[]): string | undefined {
  const value = query[parameter]
  if (!Array.isArray(value)) return value
  errors.push({ parameter, detail: 'is given more than once' })
  return undefined
}

/** A misspelt parameter that was passed over would answer another question than the one asked. */
function refuseUnknown(query: ParsedUrlQuery, known: readonly string[], errors: ParameterError[]): void {
  for (const parameter of Object.keys(query)) {
    if (known.includes(parameter)) continue
    const [meant] = nearestWords(parameter, known, 1)
    const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
    errors.push({ parameter, detail: `is not known; ${hint}` })
  }
}
