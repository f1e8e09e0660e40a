// Usage as Anthropic tells it: uncached input, cache writes and cache reads stand apart and are added up here.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { addCounts, asCount, asObject, type JsonObject } from '../read.ts'
import { servedIn, tellTier, tierOfPlace } from '../tiers.ts'

export function readAnthropicUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (!usage) return UNKNOWN_USAGE
  const all = [usage, ...listCompactions(usage)]
  const total = (pick: (one: JsonObject) => unknown): number | null =>
    addCounts(...all.map((one) => asCount(pick(one))))
  const read = total((one) => one['cache_read_input_tokens'])
  const written = total((one) => one['cache_creation_input_tokens'])
  return {
    input: addCounts(
      total((one) => one['input_tokens']),
      written,
      read,
    ),
    cacheRead: read,
    cacheWrite: written,
    cacheWrite1h: total((one) => asObject(one['cache_creation'])?.['ephemeral_1h_input_tokens']),
    output: total((one) => one['output_tokens']),
    reasoning: asCount(asObject(usage['output_tokens_details'])?.['thinking_tokens']),
    searches: asCount(asObject(usage['server_tool_use'])?.['web_search_requests']),
    ...servedIn(usage['service_tier'], usage['speed'], tierOfPlace(usage['inference_geo'])),
  }
}

/**
 * Reading a long conversation to compact it is billed beside the answer, and its tokens are not in the figures above.
 */
function listCompactions(usage: JsonObject): JsonObject[] {
  const iterations = Array.isArray(usage['iterations']) ? usage['iterations'].map(asObject) : []
  return iterations.filter((one): one is JsonObject => one?.['type'] === 'compaction')
}

/** A stream's snapshots are merged by overwriting, never by adding: later values win, what they leave out stays. */
export function mergeAnthropicUsage(start: JsonObject | null, delta: JsonObject | null): JsonObject | null {
  if (!start || !delta) return start ?? delta
  const merged: Record<string, unknown> = { ...start }
  for (const [key, value] of Object.entries(delta)) if (value !== null && value !== undefined) merged[key] = value
  return merged
}

/**
 * As this dialect counts: the cached tokens taken out of the input again, and what `beside`, the dialect's own fields,
 * tells of compactions out of all. Numbers stand everywhere, as its clients add them up.
 */
export function writeAnthropicUsage(usage: Usage, beside?: unknown): Record<string, unknown> {
  const compacted = listCompactions(asObject(beside) ?? {}).map(readAnthropicUsage)
  const rest = (pick: (one: Usage) => number | null): number =>
    compacted.reduce((left, one) => Math.max(left - (pick(one) ?? 0), 0), pick(usage) ?? 0)
  const read = rest((one) => one.cacheRead)
  const written = rest((one) => one.cacheWrite)
  const hour = usage.cacheWrite1h === null ? null : rest((one) => one.cacheWrite1h)
  return {
    input_tokens: Math.max(rest((one) => one.input) - read - written, 0),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    ...(hour === null
      ? {}
      : {
          cache_creation: { ephemeral_5m_input_tokens: Math.max(written - hour, 0), ephemeral_1h_input_tokens: hour },
        }),
    output_tokens: rest((one) => one.output),
    ...(usage.reasoning === null ? {} : { output_tokens_details: { thinking_tokens: usage.reasoning } }),
    ...(usage.searches === null ? {} : { server_tool_use: { web_search_requests: usage.searches } }),
    ...writeTier(usage),
  }
}

/** Fast answers are a speed here; null where the dialect has no word for how it was served. */
function writeTier({ tiers = [] }: Usage): Record<string, unknown> {
  if (tiers.length === 0) return {}
  const fast = tiers.includes('fast') ? { speed: 'fast' } : {}
  const rest = tiers.filter((tier) => tier !== 'fast')
  return { service_tier: tellTier({ tiers: rest }, ['priority', 'batch'], 'standard') ?? null, ...fast }
}
