// Cache breakpoints: OpenAI's own, and `cache_control` as OpenRouter and clients of other vendors write it.
import type { CacheMark } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'

export function readCache(part: JsonObject): CacheMark | undefined {
  const mark = asObject(part['cache_control']) ?? asObject(part['prompt_cache_breakpoint'])
  if (!mark) return undefined
  const ttl = asText(mark['ttl'])
  return ttl === null ? {} : { ttl }
}

/** `{cache}` for spreading; nothing where there is no mark. */
export function cached(part: JsonObject): { cache: CacheMark } | undefined {
  const cache = readCache(part)
  return cache && { cache }
}

const SHORTER: Readonly<Record<string, string>> = { '30m': '5m', '12h': '1h' }
const LONGER: Readonly<Record<string, string>> = { '5m': '30m', '1h': '12h' }

/** The fields that say it to this server. */
export function writeCache(cache: CacheMark | undefined, encoding: RequestEncoding): Record<string, unknown> {
  if (!cache) return {}
  const { profile, losses } = encoding
  if (!profile.dialect.cacheControl && !profile.cacheBreakpoints) {
    losses.drop('cache_control', 'the provider has no cache breakpoints')
    return {}
  }
  const table = profile.dialect.cacheControl ? SHORTER : LONGER
  const nearest = cache.ttl === undefined ? undefined : table[cache.ttl]
  if (nearest !== undefined) losses.approximate('cache_ttl', 'the nearest lifetime the provider knows')
  const ttl = nearest ?? cache.ttl
  const said = ttl === undefined ? {} : { ttl }
  return profile.dialect.cacheControl
    ? { cache_control: { type: 'ephemeral', ...said } }
    : { prompt_cache_breakpoint: { mode: 'explicit', ...said } }
}
