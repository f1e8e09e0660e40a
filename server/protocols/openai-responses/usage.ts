// Usage as the Responses API tells it.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { asCount, asObject } from '../read.ts'

export function readResponsesUsage(value: unknown): Usage {
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
  }
}
