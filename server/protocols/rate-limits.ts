// What a provider says of its rate limits beside an answer, between the headers of two dialects.

/** One limit: how much there is in all, how much is left, and in how many milliseconds it is whole again. */
export interface RateLimit {
  readonly limit?: number
  readonly remaining?: number
  readonly resetMs?: number
}

/** What is counted. `tokens` where a provider does not tell input and output apart, or names the tighter of the two. */
export type RateLimitKind = 'requests' | 'tokens' | 'input_tokens' | 'output_tokens'

export type RateLimits = Readonly<Partial<Record<RateLimitKind, RateLimit>>>

/** A dialect's headers for them; names are lower case, `now` is epoch milliseconds. */
export interface RateLimitHeaders {
  /** What cannot be read is left out. */
  read(headers: Readonly<Record<string, unknown>>, now: number): RateLimits
  write(limits: RateLimits, now: number): Record<string, string>
}

export type RateLimitField = 'limit' | 'remaining' | 'reset'

/** Headers that say one thing each: how they are called, and how the dialect writes the moment of the reset. */
export interface RateLimitTable {
  readonly kinds: readonly RateLimitKind[]
  nameOf(kind: RateLimitKind, field: RateLimitField): string
  readReset(text: string, now: number): number | undefined
  writeReset(resetMs: number, now: number): string
}

export function createRateLimitHeaders(table: RateLimitTable): RateLimitHeaders {
  const { kinds, nameOf, readReset, writeReset } = table
  const names = kinds.map((kind) => ({
    kind,
    limit: nameOf(kind, 'limit'),
    remaining: nameOf(kind, 'remaining'),
    reset: nameOf(kind, 'reset'),
  }))
  return {
    read(headers, now) {
      const limits: Partial<Record<RateLimitKind, RateLimit>> = {}
      for (const name of names) {
        const [limitText, remainingText, resetText] = [
          headers[name.limit],
          headers[name.remaining],
          headers[name.reset],
        ]
        if (limitText === undefined && remainingText === undefined && resetText === undefined) continue
        const limit = readCount(trimmed(limitText))
        const remaining = readCount(trimmed(remainingText))
        const resetMs = readReset(trimmed(resetText), now)
        if (limit === undefined && remaining === undefined && resetMs === undefined) continue
        limits[name.kind] = {
          ...(limit === undefined ? {} : { limit }),
          ...(remaining === undefined ? {} : { remaining }),
          ...(resetMs === undefined ? {} : { resetMs }),
        }
      }
      return limits
    },
    write(limits, now) {
      const headers: Record<string, string> = {}
      for (const name of names) {
        const one = limits[name.kind] ?? tighter(name.kind, limits)
        if (one === undefined) continue
        const { limit, remaining, resetMs } = one
        if (limit !== undefined) headers[name.limit] = String(limit)
        if (remaining !== undefined) headers[name.remaining] = String(remaining)
        if (resetMs !== undefined) headers[name.reset] = writeReset(resetMs, now)
      }
      return headers
    },
  }
}

function trimmed(value: unknown): string {
  return typeof value === 'string' ? value.trim() : ''
}

function readCount(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** For `tokens`, where input and output are told apart: the one of which less is left. */
function tighter(
  kind: RateLimitKind,
  { input_tokens: input, output_tokens: output }: RateLimits,
): RateLimit | undefined {
  if (kind !== 'tokens') return undefined
  if (!input || !output) return input ?? output
  return shareOf(output) < shareOf(input) ? output : input
}

function shareOf({ limit, remaining }: RateLimit): number {
  return limit === undefined || remaining === undefined || limit === 0 ? Infinity : remaining / limit
}
