/**
 * The sample: a week in the invented shop as NDJSON, 50,000 events and among them 40 lines that are none. Every byte
 * follows from the seed, so that anybody can make the file anew and compare.
 */
import type { Event } from '../events/index.ts'
import { badLine } from './bad-lines.ts'
import { dayWeights, hourWeights } from './catalog.ts'
import { createEventGenerator } from './generator.ts'
import { createRandom, type Random } from './random.ts'

export const sampleEvents = 50_000
export const sampleBadLines = 40
/** Monday to Sunday, UTC, half-open. */
export const sampleFromMs = Date.UTC(2025, 8, 1)
export const sampleToMs = Date.UTC(2025, 8, 8)

const seed = 20_250_901
const hourMs = 3_600_000
const eventsPerBadLine = sampleEvents / sampleBadLines

export function sampleNdjson(): Buffer {
  const generator = createEventGenerator(seed)
  const arrivals = arrivalTimes(createRandom(seed + 1))
  const lines: Buffer[] = []
  for (const [at, arrivalMs] of arrivals.entries()) {
    const event = generator.next(arrivalMs)
    const line = lineOf({ ...event, timestampMs: Math.max(sampleFromMs, event.timestampMs) })
    lines.push(line)
    if (at % eventsPerBadLine === eventsPerBadLine / 2) {
      lines.push(badLine(Math.floor(at / eventsPerBadLine), line))
    }
  }
  return Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
}

function lineOf({ eventId, eventType, timestampMs, userId, value, properties }: Event): Buffer {
  const object = {
    event_id: eventId,
    event_type: eventType,
    timestamp: new Date(timestampMs).toISOString(),
    ...(userId !== null && { user_id: userId }),
    ...(value !== null && { value }),
  }
  return Buffer.from(`${JSON.stringify(object).slice(0, -1)},"properties":${properties ?? '{}'}}`)
}

/** In order; hours get their share of events by how busy they are. */
function arrivalTimes(random: Random): number[] {
  const weights = dayWeights.flatMap((day) => hourWeights.map((hour) => day * hour))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const times: number[] = []
  let hour = 0
  let weightBefore = 0
  for (let at = 0; at < sampleEvents; at++) {
    const target = ((at + random.next()) / sampleEvents) * total
    while (target >= weightBefore + (weights[hour] ?? total)) weightBefore += weights[hour++] ?? 0
    const share = (target - weightBefore) / (weights[hour] ?? 1)
    times.push(sampleFromMs + hour * hourMs + Math.floor(share * hourMs))
  }
  return times
}
