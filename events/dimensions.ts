import { toUSVString } from 'node:util'
import { SetupError } from '../runtime/errors.ts'
import type { Event } from './event.ts'
import { assignments } from './event-map.ts'
import { isJsonObject, type JsonObject, type JsonPath, parseJsonPath, valueAt } from './json-path.ts'

/** A column by which totals are broken down. */
export interface Dimension {
  /** The column's name in the table and in the API. */
  name: string
  /** Inside the event's properties; the leading `properties` is left out. */
  path: JsonPath
}

export const maxDimensions = 3

const remedy = 'Write it like DIMENSIONS="country=properties.geo.country,device=properties.device"'
/** Names that the table uses itself. */
const reserved = new Set([
  'event_type',
  'date',
  'window_start',
  'kafka_partition',
  'first_offset',
  'last_offset',
  'count',
  'late_count',
  'value_count',
  'value_sum',
  'value_sum_lo',
  'value_min',
  'value_max',
  'users_sketch',
  'values_sketch',
])

/**
 * Reads DIMENSIONS: none to three of them, their order kept.
 * @throws {SetupError} naming the part that is wrong
 */
export function parseDimensions(text: string): Dimension[] {
  const dimensions: Dimension[] = []
  for (const [name, source] of assignments(text, { setting: 'DIMENSIONS', remedy })) {
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) {
      const rule = 'a small letter, then up to 62 small letters, digits or _'
      throw new SetupError(`DIMENSIONS: ${name} cannot name a column: use ${rule}`)
    }
    if (reserved.has(name)) {
      throw new SetupError(`DIMENSIONS: ${name} is a column that the table has already: choose another name`)
    }
    if (dimensions.some((other) => other.name === name)) {
      throw new SetupError(`DIMENSIONS names ${name} twice: keep one of them`)
    }
    const [root, ...path] = parseJsonPath(source) ?? []
    if (root !== 'properties' || path.length === 0) {
      throw new SetupError(`DIMENSIONS: the path of ${name} must begin with "properties.". ${remedy}`)
    }
    dimensions.push({ name, path })
  }
  if (dimensions.length > maxDimensions) {
    throw new SetupError(
      `DIMENSIONS names ${dimensions.length} columns: at most ${maxDimensions} are possible`,
    )
  }
  return dimensions
}

/**
 * The event's value for each dimension: strings as they are, numbers and booleans as JSON writes them, null for
 * everything else and where there is nothing.
 */
export function dimensionValues(event: Event, dimensions: readonly Dimension[]): (string | null)[] {
  const properties = dimensions.length > 0 ? propertiesOf(event) : {}
  return dimensions.map(({ path }) => asText(valueAt(properties, path)))
}

function propertiesOf(event: Event): JsonObject {
  if (event.properties === null) return {}
  try {
    const properties: unknown = JSON.parse(event.properties)
    return isJsonObject(properties) ? properties : {}
  } catch {
    // Avro from elsewhere may hold any text here; the event counts all the same, under no dimension value.
    return {}
  }
}

function asText(value: unknown): string | null {
  if (typeof value === 'string') return toUSVString(value) // half a surrogate pair has no UTF-8 form
  if (typeof value === 'boolean') return String(value)
  // JSON.parse reads 1e999 as Infinity, which is no JSON value.
  return typeof value === 'number' && Number.isFinite(value) ? JSON.stringify(value) : null
}
