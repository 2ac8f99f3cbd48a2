/** The words that someone may have meant. Pure. */
import { editDistance } from '../../runtime/errors.ts'

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
