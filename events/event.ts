/**
 * The one shape every stage agrees on, and the reasons for which something is not an event.
 * Limits: event_type 1 to 128 characters (code points) without control characters; event_id up to 2,048 characters (a
 * derived one carries a whole object key) and user_id up to 256; a value is finite and at most 1e290 in size, so that
 * no sum of 2^53 of them can overflow. How long a line may be is its reader's business, not decided here.
 */
export interface Event {
  eventId: string
  eventType: string
  timestampMs: number
  userId: string | null
  value: number | null
  /** JSON text of an object: everything the event carried beyond the five fields above; null if nothing. */
  properties: string | null
}

export type ReasonCode =
  | 'not_json'
  | 'not_an_object'
  | 'json_array'
  | 'too_deep'
  | 'missing_event_type'
  | 'bad_event_type'
  | 'missing_timestamp'
  | 'bad_timestamp'
  | 'bad_value'
  | 'bad_user_id'
  | 'bad_event_id'
  | 'invalid_utf8'
  | 'too_long'
  | 'empty_value'
  | 'unknown_schema'
  | 'bad_avro'
  | 'timestamp_in_future'
  | 'truncated_gzip'

export interface Rejection {
  reason: ReasonCode
  /** For a person: what is wrong and what would be right. */
  message: string
}

export type Parsed = { kind: 'event'; event: Event } | ({ kind: 'rejected' } & Rejection)

export const maxEventTypeChars = 128
export const maxEventIdChars = 2_048
export const maxUserIdChars = 256
export const maxAbsValue = 1e290

export function rejected(reason: ReasonCode, message: string): Parsed {
  return { kind: 'rejected', reason, message }
}

/** Events of one user stay in order on one partition; one without a user goes wherever its id falls. */
export function partitionKey(event: Event): string {
  return event.userId ?? event.eventId
}
