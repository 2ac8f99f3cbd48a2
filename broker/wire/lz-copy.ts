/** What the LZ77 family shares: writing a match, with every bound checked. */

/** Copies `length` bytes from `distance` back to `at`; source and target overlap when the distance is shorter. */
export function copyMatch(output: Buffer, at: number, distance: number, length: number): void {
  if (distance < 1 || distance > at) throw new RangeError('match before the start of the output')
  if (length > output.length - at) throw new RangeError('match past the end of the output')
  if (distance >= length) {
    output.copyWithin(at, at - distance, at - distance + length)
    return
  }
  for (let index = at; index < at + length; index++) output[index] = output[index - distance] ?? 0
}

/** Copies `length` literal bytes of the input. */
export function copyLiterals(input: Buffer, from: number, length: number, output: Buffer, at: number): void {
  if (length > input.length - from) throw new RangeError('literals past the end of the input')
  if (length > output.length - at) throw new RangeError('literals past the end of the output')
  input.copy(output, at, from, from + length)
}
