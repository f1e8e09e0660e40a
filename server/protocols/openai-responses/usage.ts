// Usage as the Responses API tells it.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { asCount, asObject, type JsonObject } from '../read.ts'
import { servedIn } from '../tiers.ts'

/** Searches and the tier stand beside the tokens: in `tool_usage` and `service_tier` of the response. */
export function readResponsesUsage(value: unknown, tools?: unknown, tier?: unknown): Usage {
  const usage = asObject(value)
  if (!usage) return UNKNOWN_USAGE
  const input = asObject(usage['input_tokens_details'])
  const output = asObject(usage['output_tokens_details'])
  return {
    input: asCount(usage['input_tokens']),
    cacheRead: asCount(input?.['cached_tokens']),
    cacheWrite: asCount(input?.['cache_write_tokens']),
    cacheWrite1h: null,
    output: asCount(usage['output_tokens']),
    reasoning: asCount(output?.['reasoning_tokens']),
    searches: readSearches(asObject(tools)),
    ...servedIn(tier),
  }
}

export function readSearches(tools: JsonObject | null): number | null {
  return asCount(asObject(tools?.['web_search'])?.['num_requests'])
}

/** What stands beside `usage`; nothing where nobody counted. */
export function encodeToolUsage({ searches }: Usage): Record<string, unknown> {
  return searches === null ? {} : { tool_usage: { web_search: { num_requests: searches } } }
}

/** null where nothing is known; SDKs want numbers, so what is not known of the rest is 0. */
export function encodeResponsesUsage(usage: Usage): Record<string, unknown> | null {
  if (usage.input === null && usage.output === null) return null
  const input = usage.input ?? 0
  const output = usage.output ?? 0
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: usage.cacheRead ?? 0,
      ...(usage.cacheWrite === null ? {} : { cache_write_tokens: usage.cacheWrite }),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + output,
  }
}
