/** What retention needs to know of a segment. */
export interface RetainedSegment {
  byteLength: number
  nextOffset: number
  /** Of its records; when they have none, of its file. */
  maxTimestampMs: number
}

export interface RetentionPolicy {
  /** -1 is unlimited. */
  retentionMs: number
  retentionBytes: number
}

/**
 * How many of the oldest segments to remove: those too old, and those the rest is large enough without. Pure.
 * Never the newest one, and none that reaches beyond `stableOffset`, which an open transaction still needs.
 * @param segments oldest first
 */
export function countExpired(
  segments: readonly RetainedSegment[],
  { retentionMs, retentionBytes }: RetentionPolicy,
  now: { nowMs: number; stableOffset: number },
): number {
  let totalBytes = segments.reduce((sum, segment) => sum + segment.byteLength, 0)
  let count = 0
  for (const segment of segments.slice(0, -1)) {
    if (segment.nextOffset > now.stableOffset) break
    const isOld = retentionMs >= 0 && segment.maxTimestampMs < now.nowMs - retentionMs
    const isSurplus = retentionBytes >= 0 && totalBytes - segment.byteLength >= retentionBytes
    if (!isOld && !isSurplus) break
    totalBytes -= segment.byteLength
    count++
  }
  return count
}

/** Reads the settings of a topic; one that is only compacted keeps everything, which is a legal, lazy compaction. */
export function retentionOf(
  config: Readonly<Record<string, string>>,
  defaults: RetentionPolicy,
): RetentionPolicy {
  const cleanup = config['cleanup.policy'] ?? 'delete'
  if (!cleanup.includes('delete')) return { retentionMs: -1, retentionBytes: -1 }
  return {
    retentionMs: numberOr(config['retention.ms'], defaults.retentionMs),
    retentionBytes: numberOr(config['retention.bytes'], defaults.retentionBytes),
  }
}

function numberOr(text: string | undefined, otherwise: number): number {
  const value = text === undefined || text === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : otherwise
}
