/** Kafka's default partitioner: murmur2 of the key with Kafka's seed, so that every Kafka client agrees with us. */

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** A signed 32-bit hash, as in Java. */
export function murmur2(key: Uint8Array): number {
  const { length } = key
  let hash = seed ^ length
  const wholeWords = length & ~3
  for (let at = 0; at < wholeWords; at += 4) {
    let word =
      (key[at] ?? 0) | ((key[at + 1] ?? 0) << 8) | ((key[at + 2] ?? 0) << 16) | ((key[at + 3] ?? 0) << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  const rest = length - wholeWords
  if (rest > 2) hash ^= (key[wholeWords + 2] ?? 0) << 16
  if (rest > 1) hash ^= (key[wholeWords + 1] ?? 0) << 8
  if (rest > 0) hash = Math.imul(hash ^ (key[wholeWords] ?? 0), multiplier)
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}

/** The partition of a keyed record among `partitionCount`. */
export function partitionOf(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}
