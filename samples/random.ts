/** Numbers that look random and are the same for a seed on every machine: whole-number arithmetic only. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform among the whole numbers 0 to below - 1. */
  below(limit: number): number
  /** Small indices far more often than large ones: a third of all draws fall among the first tenth. */
  skewed(limit: number): number
  pick<T>(choices: readonly T[]): T
}

/** Marsaglia's xorshift with 128 bits of state. */
export function createRandom(seed: number): Random {
  // A multiplicative hash spreads seeds that differ in one bit; the constant keeps the state from being all zero.
  let x = Math.imul(seed | 0, 0x9e3779b1) ^ 0x75bcd15
  let y = 0x159a55e5
  let z = 0x1f123bb5
  let w = Math.imul(Math.floor(seed / 2 ** 32) | 0, 0x85ebca6b) ^ 0x5491333
  const random: Random = {
    next() {
      const t = x ^ (x << 11)
      x = y
      y = z
      z = w
      w = w ^ (w >>> 19) ^ t ^ (t >>> 8)
      return (w >>> 0) / 2 ** 32
    },
    below: (limit) => Math.floor(random.next() * limit),
    skewed: (limit) => Math.floor(random.next() * random.next() * limit),
    pick(choices) {
      const choice = choices[random.below(choices.length)]
      if (choice === undefined) throw new Error('nothing to pick from')
      return choice
    },
  }
  for (let round = 0; round < 20; round++) random.next()
  return random
}
