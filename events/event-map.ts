import { SetupError } from '../runtime/errors.ts'
import { type JsonPath, parseJsonPath } from './json-path.ts'

export const eventFields = ['event_type', 'timestamp', 'event_id', 'user_id', 'value'] as const
export type EventField = (typeof eventFields)[number]

/** Where in a JSON object each field of an event is found. */
export type EventMap = Readonly<Record<EventField, JsonPath>>

const remedy = 'Write it like EVENT_MAP="event_type=type,timestamp=created_at,user_id=actor.login"'

/**
 * Reads EVENT_MAP. A field that it does not name is found under its own name, so the empty text is the plain form.
 * @throws {SetupError} naming the part that is wrong
 */
export function parseEventMap(text: string): EventMap {
  const map: Record<EventField, JsonPath> = {
    event_type: ['event_type'],
    timestamp: ['timestamp'],
    event_id: ['event_id'],
    user_id: ['user_id'],
    value: ['value'],
  }
  const seen = new Set<string>()
  for (const [name, source] of assignments(text, { setting: 'EVENT_MAP', remedy })) {
    if (!isEventField(name)) {
      throw new SetupError(`EVENT_MAP: ${name} is not one of ${eventFields.join(', ')}. ${remedy}`)
    }
    if (seen.has(name)) throw new SetupError(`EVENT_MAP names ${name} twice: keep one of them`)
    const path = parseJsonPath(source)
    if (!path) throw new SetupError(`EVENT_MAP: the path of ${name} has an empty key (${source}). ${remedy}`)
    seen.add(name)
    map[name] = path
  }
  return map
}

/**
 * Splits `name=source,name=source`; blanks around the parts do not matter.
 * @throws {SetupError} when a part lacks its name, its `=` or its source
 */
export function assignments(
  text: string,
  { setting, remedy }: { setting: string; remedy: string },
): [name: string, source: string][] {
  if (text.trim() === '') return []
  return text.split(',').map((part) => {
    const at = part.indexOf('=')
    const name = part.slice(0, Math.max(at, 0)).trim()
    const source = part.slice(at + 1).trim()
    if (at < 0 || name === '' || source === '') {
      throw new SetupError(`${setting}: "${part.trim()}" is not name=path. ${remedy}`)
    }
    return [name, source]
  })
}

function isEventField(name: string): name is EventField {
  return eventFields.some((field) => field === name)
}
