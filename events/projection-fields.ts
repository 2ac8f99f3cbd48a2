/** What the byte readers hand to the projection; one object, overwritten by every record. */
export interface ProjectedFields {
  /** Where the event type's bytes lie. */
  typeStart: number
  typeEnd: number
  timestampMs: number
  hasValue: boolean
  value: number
  /** By column: where the dimension's bytes lie; a start of -1 means null. */
  readonly dimensionStarts: Int32Array
  readonly dimensionEnds: Int32Array
}

export function createProjectedFields(dimensionCount: number): ProjectedFields {
  return {
    typeStart: 0,
    typeEnd: 0,
    // NaN and not 0, so that V8 makes room for doubles from the start.
    timestampMs: Number.NaN,
    hasValue: false,
    value: Number.NaN,
    dimensionStarts: new Int32Array(dimensionCount).fill(-1),
    dimensionEnds: new Int32Array(dimensionCount),
  }
}
