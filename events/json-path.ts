/**
 * Dotted paths into JSON objects, as EVENT_MAP and DIMENSIONS write them: `actor.login`. A dot that belongs to a key is
 * written `\.`. A path goes through objects only, never through arrays, and sees own keys only (`__proto__` is a key
 * like any other).
 */
export type JsonObject = Readonly<Record<string, unknown>>

/** At least one key, none of them empty. */
export type JsonPath = readonly string[]

/** Null when a key is empty. */
export function parseJsonPath(text: string): JsonPath | null {
  const keys = text.split(/(?<!\\)\./).map((key) => key.replaceAll('\\.', '.'))
  return keys.includes('') ? null : keys
}

/** What the path leads to; undefined where it leads nowhere. */
export function valueAt(object: JsonObject, path: JsonPath): unknown {
  let current: unknown = object
  for (const key of path) {
    if (!isJsonObject(current) || !Object.hasOwn(current, key)) return undefined
    current = current[key]
  }
  return current
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
