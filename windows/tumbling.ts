/**
 * Start of the tumbling window [start, start + sizeMs) that holds the timestamp. Windows are counted from the epoch,
 * backwards too; both arguments are whole milliseconds.
 */
export function windowStartMs(timestampMs: number, sizeMs: number): number {
  // The quotient rounds up to the next whole number only where start * size needs over 53 bits; no date does.
  return Math.floor(timestampMs / sizeMs) * sizeMs + 0
}
