// Usage as Chat Completions and its relatives tell it.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { addCounts, asCount, asObject } from '../read.ts'

export function readChatUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (!usage) return UNKNOWN_USAGE
  const prompt = asObject(usage['prompt_tokens_details'])
  const completion = asObject(usage['completion_tokens_details'])
  const input = asCount(usage['prompt_tokens'])
  const reasoning = asCount(completion?.['reasoning_tokens'])
  // Embeddings have no completion; what the provider leaves out there is nothing.
  const output = asCount(usage['completion_tokens']) ?? (usage['completion_tokens'] === undefined ? 0 : null)
  // xAI and Vercel count thoughts beside the completion: the total says so, or there are more of them than it holds.
  const thoughts = reasoning ?? 0
  const total = asCount(usage['total_tokens'])
  const beside = thoughts > 0 && (thoughts > (output ?? 0) || total === addCounts(input, output, reasoning))
  return {
    input,
    cacheRead: asCount(prompt?.['cached_tokens']) ?? asCount(usage['prompt_cache_hit_tokens']),
    cacheWrite: asCount(prompt?.['cache_write_tokens']),
    cacheWrite1h: null,
    output: beside ? addCounts(output, reasoning) : output,
    reasoning,
  }
}
