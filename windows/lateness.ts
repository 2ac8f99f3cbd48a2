/**
 * Which events of one partition come late. Judged in log order against the watermark, the greatest event time so far
 * less the allowance, so reading the same log again judges the same way. Late events count like all others; they are
 * only counted as late besides.
 */
export interface LatenessTracker {
  /** @returns true if the event's time lies before the watermark of the events before it */
  observe(timestampMs: number): boolean
  /** Greatest event time less the allowance; null before the first event. Never falls. */
  readonly watermarkMs: number | null
}

/** `resumeFromWatermarkMs` is the watermark that an earlier tracker ended with. */
export function createLatenessTracker(
  allowedLatenessMs: number,
  resumeFromWatermarkMs: number | null,
): LatenessTracker {
  // In a typed array, because V8 allocates for every change of a captured variable that holds a double.
  const watermark = Float64Array.of(resumeFromWatermarkMs ?? Number.NEGATIVE_INFINITY)
  const read = (): number => watermark[0] ?? Number.NEGATIVE_INFINITY
  return {
    observe(timestampMs) {
      const current = read()
      const candidate = timestampMs - allowedLatenessMs
      if (candidate > current) watermark[0] = candidate
      return timestampMs < current
    },
    get watermarkMs() {
      const current = read()
      return current === Number.NEGATIVE_INFINITY ? null : current
    },
  }
}
