import { SetupError } from '../runtime/errors.ts'

/** @throws SetupError when the flag is there and not a number within the bounds */
export function numberFlag(
  flags: Readonly<Record<string, string | boolean | undefined>>,
  name: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER, whole = false } = {},
): number | undefined {
  const text = flags[name]
  if (text === undefined) return undefined
  const value = Number(text)
  if (text !== '' && value >= min && value <= max && (!whole || Number.isInteger(value))) return value
  throw new SetupError(`--${name} ${text}: must be a ${whole ? 'whole ' : ''}number of at least ${min}`)
}
