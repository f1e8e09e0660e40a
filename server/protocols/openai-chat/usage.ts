// Usage as Chat Completions and its relatives tell it.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { asCount, asObject } from '../read.ts'

export function readChatUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (!usage) return UNKNOWN_USAGE
  const prompt = asObject(usage['prompt_tokens_details'])
  const completion = asObject(usage['completion_tokens_details'])
  return {
    input: asCount(usage['prompt_tokens']),
    cacheRead: asCount(prompt?.['cached_tokens']) ?? asCount(usage['prompt_cache_hit_tokens']),
    cacheWrite: asCount(prompt?.['cache_write_tokens']),
    cacheWrite1h: null,
    // Embeddings have no completion; what the provider leaves out there is nothing.
    output: asCount(usage['completion_tokens']) ?? (usage['completion_tokens'] === undefined ? 0 : null),
    reasoning: asCount(completion?.['reasoning_tokens']),
  }
}
