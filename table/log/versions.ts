export const logPrefix = '_delta_log/'
export const lastCheckpointKey = `${logPrefix}_last_checkpoint`

/** `_delta_log/00000000000000000007.json`: padded, so that keys list in the order of versions. */
export function commitKey(version: number): string {
  return `${logPrefix}${String(version).padStart(20, '0')}.json`
}

/** The version of a commit's key; null for anything else in the log's folder (checkpoints, crc files). */
export function versionOfKey(key: string): number | null {
  const digits = /^_delta_log\/(\d{20})\.json$/.exec(key)?.[1]
  return digits === undefined ? null : Number(digits)
}
