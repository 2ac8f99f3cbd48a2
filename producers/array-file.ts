/**
 * An object that is one JSON array instead of one event a line. Its lines mean nothing alone, so it gets one dead
 * letter that says how to turn it into lines, not one for each of its million lines.
 */
export type ArrayStart =
  | 'none'
  /** The whole array is on this line: a bad line like others. */
  | 'closed'
  /** It goes on over the next lines. */
  | 'open'

const openBracket = 0x5b

/** Looks at the first line of an object that is not blank. */
export function arrayStartOf(line: Uint8Array, isTooLong: boolean): ArrayStart {
  const first = line.find((byte) => byte !== 0x20 && byte !== 0x09)
  if (first !== openBracket) return 'none'
  if (isTooLong) return 'open'
  try {
    JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString())
    return 'closed'
  } catch {
    return 'open'
  }
}

export function arrayFileMessage(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1)
  const stem = name.replace(/\.gz$/i, '').replace(/\.(json|jsonl|ndjson)$/i, '')
  const target = shellWord(`${stem}.ndjson`)
  const command = /\.gz$/i.test(name)
    ? `gzip -dc ${shellWord(name)} | jq -c '.[]' > ${target}`
    : `jq -c '.[]' ${shellWord(name)} > ${target}`
  return `this is one JSON array, not one event a line; make lines of it under a new name: ${command}`
}

function shellWord(text: string): string {
  return /^[\w.+=@%:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
