import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import {
  createProjection,
  type EventSettings,
  encodeEvent,
  parseDimensions,
  parseEventMap,
} from '../events/index.ts'
import { createAggregate } from '../processors/aggregate.ts'
import { createEventGenerator } from '../samples/generator.ts'
import { type Figure, printFigures, printHeading, repeat } from './harness.ts'

/**
 * How fast one core turns record values in memory into window aggregates: reading and adding only, no Kafka, no table.
 * The records are the sample generator's, 20 a second over the time that they cover, in windows of a minute. Seconds are
 * of CPU time, so that other work on the machine counts less. Each figure comes from a thread of its own, since a
 * processor too meets one kind of record, and the compiler makes slower code for several.
 *   node dist/bench/aggregate.js [--events 1000000] [--runs 7]
 */
const { values } = parseArgs({
  options: { events: { type: 'string', default: '1000000' }, runs: { type: 'string', default: '7' } },
})
const eventCount = Number(values.events)
const runs = Number(values.runs)
const startMs = Date.UTC(2025, 8, 1)

interface Records {
  buffer: Buffer
  /** Record n lies in [ends[n - 1], ends[n]). */
  ends: Int32Array
}

const twoDimensions = 'country=properties.country,device=properties.device'
const cases = [
  { name: 'Avro', encoding: 'avro', dimensions: '' },
  { name: 'JSON', encoding: 'json', dimensions: '' },
  { name: 'Avro, 2 dimensions', encoding: 'avro', dimensions: twoDimensions },
  { name: 'JSON, 2 dimensions', encoding: 'json', dimensions: twoDimensions },
] as const

if (isMainThread) {
  printHeading(`aggregate: ${eventCount.toLocaleString('en-US')} events in memory, one core`)
  const figures: Figure[] = []
  for (const index of cases.keys()) {
    const worker = new Worker(new URL(import.meta.url), { workerData: index, argv: process.argv.slice(2) })
    const [figure]: Figure[] = await once(worker, 'message')
    if (figure) figures.push(figure)
  }
  printFigures(figures)
} else {
  const { name, encoding, dimensions } = cases[Number(workerData)] ?? cases[0]
  const records = makeRecords(encoding)
  aggregateAll(records, dimensions) // once to warm up
  const perSecond = await repeat(runs, () => eventCount / aggregateAll(records, dimensions))
  const bytes = Math.round(records.buffer.length / eventCount)
  parentPort?.postMessage({ name: `${name} (${bytes} B an event)`, unit: 'events/s', values: perSecond })
}

/** @returns seconds of CPU time */
function aggregateAll({ buffer, ends }: Records, dimensions: string): number {
  const settings: EventSettings = {
    map: parseEventMap(''),
    timezone: 'UTC',
    dimensions: parseDimensions(dimensions),
    maxFutureMs: 3_600_000,
  }
  const projection = createProjection(settings)
  const aggregate = createAggregate({
    windowMs: 60_000,
    allowedLatenessMs: 60_000,
    resumeWatermarkMs: null,
    dimensionCount: settings.dimensions.length,
  })
  const recordTimestampMs = startMs + eventCount * 1_000
  const begin = process.cpuUsage()
  let start = 0
  for (let offset = 0; offset < eventCount; offset++) {
    const end = ends[offset] ?? 0
    if (projection.read(buffer, start, end, recordTimestampMs)) aggregate.add(projection, offset)
    start = end
  }
  const used = process.cpuUsage(begin)
  const seconds = (used.user + used.system) / 1e6
  const rows = aggregate.toRows(0)
  const counted = rows.count.reduce((sum, count) => sum + count, 0)
  if (counted !== eventCount) throw new Error(`${counted} of ${eventCount} events were counted`)
  return seconds
}

function makeRecords(encoding: 'avro' | 'json'): Records {
  const generator = createEventGenerator(1)
  const ends = new Int32Array(eventCount)
  const parts: Uint8Array[] = []
  let end = 0
  for (let at = 0; at < eventCount; at++) {
    const record = encodeEvent(generator.next(startMs + at * 50), encoding)
    parts.push(record)
    end += record.length
    ends[at] = end
  }
  return { buffer: Buffer.concat(parts), ends }
}
