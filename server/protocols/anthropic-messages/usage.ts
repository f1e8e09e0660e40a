// Usage as Anthropic tells it: uncached input, cache writes and cache reads stand apart and are added up here.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { addCounts, asCount, asObject, type JsonObject } from '../read.ts'

export function readAnthropicUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (!usage) return UNKNOWN_USAGE
  const read = asCount(usage['cache_read_input_tokens'])
  const written = asCount(usage['cache_creation_input_tokens'])
  const creation = asObject(usage['cache_creation'])
  return {
    input: addCounts(asCount(usage['input_tokens']), written, read),
    cacheRead: read,
    cacheWrite: written,
    cacheWrite1h: asCount(creation?.['ephemeral_1h_input_tokens']),
    output: asCount(usage['output_tokens']),
    reasoning: asCount(asObject(usage['output_tokens_details'])?.['thinking_tokens']),
  }
}

/** A stream's snapshots are merged by overwriting, never by adding: later values win, what they leave out stays. */
export function mergeAnthropicUsage(start: JsonObject | null, delta: JsonObject | null): Usage {
  if (!start && !delta) return UNKNOWN_USAGE
  const merged: Record<string, unknown> = { ...start }
  for (const [key, value] of Object.entries(delta ?? {})) if (value !== null && value !== undefined) merged[key] = value
  return readAnthropicUsage(merged)
}

/** As this dialect counts: the cached tokens taken out of the input again. Numbers stand everywhere, as its clients add them up. */
export function writeAnthropicUsage(usage: Usage): Record<string, unknown> {
  const read = usage.cacheRead ?? 0
  const written = usage.cacheWrite ?? 0
  const hour = usage.cacheWrite1h
  return {
    input_tokens: Math.max((usage.input ?? 0) - read - written, 0),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    ...(hour === null
      ? {}
      : {
          cache_creation: { ephemeral_5m_input_tokens: Math.max(written - hour, 0), ephemeral_1h_input_tokens: hour },
        }),
    output_tokens: usage.output ?? 0,
    ...(usage.reasoning === null ? {} : { output_tokens_details: { thinking_tokens: usage.reasoning } }),
  }
}
