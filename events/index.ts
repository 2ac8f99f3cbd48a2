export {
  createEventDecoder,
  type EventDecoder,
  type EventEncoding,
  type EventSettings,
  encodeEvent,
} from './decode.ts'
export { type Dimension, dimensionValues, parseDimensions } from './dimensions.ts'
export { type Event, type Parsed, partitionKey, type ReasonCode, type Rejection } from './event.ts'
export { type EventMap, parseEventMap } from './event-map.ts'
export { createEventParser, type EventParser } from './json.ts'
export { createProjection, nullDimension, otherDimension, type Projection } from './projection.ts'
export { createTimestampReader, type TimestampReader } from './timestamp.ts'
