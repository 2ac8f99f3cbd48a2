/**
 * Where a file lies. A value is escaped twice: Hive's way to make the directory's name, then as a URI for the log,
 * which readers undo once to get the key.
 *
 *   value "A/A" -> key event_type=A%2FA/part.parquet -> path event_type=A%252FA/part.parquet
 */
import { createHash } from 'node:crypto'

/** Most file systems stop at 255 bytes a name. */
const maxDirectoryBytes = 200
const nullDirectory = '__HIVE_DEFAULT_PARTITION__'
const hiveSpecials = new Set('"#%\'*/:=?\\{[]^')

/** The key below the table of a file with these partition values, in the table's column order. */
export function dataFileKey(
  values: readonly (readonly [column: string, value: string])[],
  name: string,
): string {
  return [...values.map(([column, value]) => directoryName(column, value)), name].join('/')
}

/** The log's `path` of a key. */
export function pathOfKey(key: string): string {
  return key
    .split('/')
    .map((segment) => encodeURIComponent(segment).replaceAll('%3D', '='))
    .join('/')
}

/** The key of a `path` found in the log. */
export function keyOfPath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path // another writer forgot to escape it
  }
}

function directoryName(column: string, value: string): string {
  const escaped = value === '' ? nullDirectory : escapeHive(value)
  const name = `${column}=${escaped}`
  if (Buffer.byteLength(name) <= maxDirectoryBytes) return name
  // The directory is for people only; readers take the value from the log.
  return `${column}=${createHash('sha256').update(value).digest('hex').slice(0, 32)}`
}

function escapeHive(value: string): string {
  let escaped = ''
  for (const char of value) {
    const code = char.codePointAt(0) ?? 0
    const isSpecial = code < 0x20 || code === 0x7f || hiveSpecials.has(char)
    escaped += isSpecial ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : char
  }
  return escaped
}
