import { z } from 'zod'

/** Parsers of setting values: text in, typed value out, or a message that says what is expected. */
export const minuteMs = 60_000
const durationUnits: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: minuteMs,
  h: 60 * minuteMs,
  d: 1_440 * minuteMs,
}
const byteUnits: Record<string, number> = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  TB: 1_000_000_000_000,
}

export const text = z.string().min(1, 'must not be empty')
export const duration = z.string().transform((value, ctx) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value)
  const unitMs = durationUnits[match?.[2] ?? '']
  if (match && unitMs !== undefined) return Math.round(Number(match[1]) * unitMs)
  ctx.addIssue('must be a duration such as 500ms, 15s, 5m, 1h or 7d')
  return z.NEVER
})
export const windowSize = duration.refine((ms) => ms >= 1_000 && (1_440 * minuteMs) % ms === 0, {
  message: 'must be at least 1s and divide a day evenly, such as 10s, 1m, 5m or 1h',
})
export const location = text.refine((url) => /^(file:|s3:\/\/[a-z0-9])/.test(url), {
  message: 'must be file:FOLDER or s3://BUCKET/PREFIX',
})
export const partitionBy = z.string().transform((value, ctx) => {
  const columns = value === 'none' ? [] : value.split(',').map((name) => name.trim())
  if (
    columns.every((name) => name === 'event_type' || name === 'date') &&
    new Set(columns).size === columns.length
  )
    return columns.filter((name) => name === 'event_type' || name === 'date')
  ctx.addIssue('must be event_type, date, event_type,date or none')
  return z.NEVER
})
export const retention = z.string().transform((value, ctx) => {
  const limits = { ms: -1, bytes: -1 }
  for (const part of value === 'forever' ? [] : value.split(',')) {
    const asDuration = duration.safeParse(part.trim())
    const [, amount, unit = ''] = /^(\d+)([KMGT]?B)$/.exec(part.trim()) ?? []
    if (asDuration.success) limits.ms = asDuration.data
    else if (amount !== undefined) limits.bytes = Number(amount) * (byteUnits[unit] ?? 1)
    else ctx.addIssue('must be forever, an age, a size or both, such as 7d,10GB')
  }
  return limits
})
export const brokers = z.string().transform((value, ctx) => {
  const list = value.split(',').map((item) => item.trim())
  if (!list.every((item) => /^[^\s:/]+:\d+$|^\[[0-9a-f:]+\]:\d+$/i.test(item)))
    ctx.addIssue('must be HOST:PORT, or several with commas')
  return list
})

/** A whole number in [min, max]. */
export const wholeNumber = (min: number, max: number) =>
  z.string().transform((value, ctx) => {
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= min && number <= max) return number
    ctx.addIssue(`must be a whole number from ${min} to ${max}`)
    return z.NEVER
  })
