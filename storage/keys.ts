import { InvalidKey } from './errors.ts'

/** S3's limit on a key. */
const maxKeyBytes = 1024

/** Name prefix of the file adapter's staged writes; no object has it in any adapter. */
export const stagedPrefix = '.tmp-'

/**
 * A plain key names the same object in a bucket and in a folder, and cannot leave the folder: `/`-separated, no empty,
 * `.` or `..` segment, none that looks like a staged write, no NUL, valid Unicode, at most 1024 UTF-8 bytes.
 * @throws {InvalidKey}
 */
export function requirePlainKey(key: string): void {
  const why = flawOf(key)
  if (why !== null) throw new InvalidKey(key, why)
}

export function isPlainKey(key: string): boolean {
  return flawOf(key) === null
}

function flawOf(key: string): string | null {
  if (key === '') return 'it is empty'
  if (key.includes('\0') || /\p{Surrogate}/u.test(key)) return 'it is not clean Unicode'
  if (Buffer.byteLength(key) > maxKeyBytes) return `it is longer than ${maxKeyBytes} bytes`
  for (const segment of key.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return 'it has an empty, . or .. segment'
    if (segment.startsWith(stagedPrefix)) return `a segment starts with ${stagedPrefix}`
  }
  return null
}

/** Orders as the UTF-8 bytes do, which is how S3 lists. JavaScript's own order differs past U+D7FF. */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const unitA = a.charCodeAt(i)
    const unitB = b.charCodeAt(i)
    if (unitA !== unitB) return byteRank(unitA) - byteRank(unitB)
  }
  return a.length - b.length
}

/** Lifts surrogates, which stand for U+10000 and up, above U+E000..U+FFFF. */
function byteRank(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800
  return unit >= 0xd800 ? unit + 0x2000 : unit
}
