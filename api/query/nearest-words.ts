/** The words that someone may have meant. Pure. */

interface Ranked {
  word: string
  distance: number
}

/**
 * At most `limit` of the candidates, nearest first by edit distance without regard to case, none further than half the
 * longer word.
 */
export function nearestWords(word: string, candidates: Iterable<string>, limit: number): string[] {
  const wanted = word.toLowerCase()
  const near: Ranked[] = []
  for (const candidate of candidates) {
    const maxDistance = Math.max(1, Math.floor(Math.max(wanted.length, candidate.length) / 2))
    if (Math.abs(candidate.length - wanted.length) > maxDistance) continue
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance > maxDistance) continue
    near.push({ word: candidate, distance })
    near.sort((a, b) => a.distance - b.distance || (a.word < b.word ? -1 : 1))
    near.length = Math.min(near.length, limit)
  }
  return near.map((ranked) => ranked.word)
}

/** Levenshtein's, by UTF-16 units. */
function editDistance(a: string, b: string): number {
  let above = Uint16Array.from({ length: b.length + 1 }, (_, column) => column)
  let row = new Uint16Array(b.length + 1)
  for (let i = 1; i <= a.length; i++) {
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(replaced, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
    }
    ;[above, row] = [row, above]
  }
  return above[b.length] ?? 0
}
