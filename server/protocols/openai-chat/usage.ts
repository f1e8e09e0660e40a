// Usage as Chat Completions and its relatives tell it.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { addCounts, asCount, asObject, type JsonObject } from '../read.ts'
import { servedIn } from '../tiers.ts'

/** `tier` stands beside the usage in answers. */
export function readChatUsage(value: unknown, tier?: unknown): Usage {
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
    searches: null,
    ...readCharge(usage),
    ...readSound(prompt, completion),
    ...servedIn(tier),
  }
}

function readSound(prompt: JsonObject | null, completion: JsonObject | null): Pick<Usage, 'beyondText'> {
  const inputAudio = asCount(prompt?.['audio_tokens']) ?? 0
  const outputAudio = asCount(completion?.['audio_tokens']) ?? 0
  return inputAudio + outputAudio === 0 ? {} : { beyondText: { inputAudio, outputAudio } }
}

/** OpenRouter's `cost`, in dollars; with a key of another vendor's behind it, that vendor's charge comes on top. */
function readCharge(usage: JsonObject): Pick<Usage, 'chargedUsdNanos'> {
  const own = asAmount(usage['cost'])
  if (own === null) return {}
  const vendors = asAmount(asObject(usage['cost_details'])?.['upstream_inference_cost']) ?? 0
  const dollars = usage['is_byok'] === true ? own + vendors : own
  return { chargedUsdNanos: Math.round(dollars * 1e9) }
}

function asAmount(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 && value < 1e6 ? value : null
}
