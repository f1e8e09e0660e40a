// OpenAI's rate-limit headers, shared by its two dialects and by the servers like it. A reset is a duration from now,
// as Go writes it: `6m0s`, `1.5s`, `20ms`; some servers write plain seconds.
import { createRateLimitHeaders } from './rate-limits.ts'

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, µs: 0.001 }
const DURATION = /^(?:\d{1,9}(?:\.\d{1,12})?(?:ms|us|µs|[hms]))+$/
const PART = /(\d+(?:\.\d+)?)(ms|us|µs|[hms])/g
/** Longer than any window; beyond it a plain number is a date. */
const LONGEST_MS = 366 * 24 * 3_600_000

export const openaiRateLimits = createRateLimitHeaders({
  kinds: ['requests', 'tokens'],
  nameOf: (kind, field) => `x-ratelimit-${field}-${kind}`,
  readReset: readDuration,
  writeReset: writeDuration,
})

/** Whole milliseconds, rounded up; undefined where it is no duration. */
export function readDuration(text: string): number | undefined {
  const plain = /^\d{1,9}(?:\.\d{1,12})?$/.test(text)
  if (!plain && !DURATION.test(text)) return undefined
  let total = plain ? Number(text) * 1000 : 0
  if (!plain) for (const [, number, unit] of text.matchAll(PART)) total += Number(number) * UNITS[unit!]!
  // What floating point adds is no millisecond.
  const milliseconds = Math.ceil(total - 1e-6)
  return milliseconds <= LONGEST_MS ? Math.max(milliseconds, 0) : undefined
}

export function writeDuration(milliseconds: number): string {
  if (milliseconds < 1000) return milliseconds === 0 ? '0s' : `${milliseconds}ms`
  const hours = Math.floor(milliseconds / 3_600_000)
  const minutes = Math.floor(milliseconds / 60_000) % 60
  const seconds = (milliseconds % 60_000) / 1000
  const front = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : ''
  return `${front}${seconds}s`
}
