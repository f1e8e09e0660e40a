// Usage as a client of this dialect reads it: cached tokens are part of the prompt, reasoning of the completion, and
// the total is their sum.
import type { Usage } from '../canonical.ts'
import { compact, isEmpty } from './names.ts'

/** undefined where the provider said nothing. */
export function writeUsage(usage: Usage): Record<string, unknown> | undefined {
  const { input, output, cacheRead, cacheWrite, reasoning, beyondText } = usage
  if (input === null && output === null) return undefined
  const heard = beyondText?.inputAudio || null
  const prompt = details({ cached_tokens: cacheRead, cache_write_tokens: cacheWrite, audio_tokens: heard })
  const completion = details({ reasoning_tokens: reasoning, audio_tokens: beyondText?.outputAudio || null })
  return compact({
    prompt_tokens: input ?? 0,
    completion_tokens: output ?? 0,
    total_tokens: (input ?? 0) + (output ?? 0),
    prompt_tokens_details: prompt,
    completion_tokens_details: completion,
  })
}

function details(counts: Record<string, number | null>): Record<string, unknown> | undefined {
  const known = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== null))
  return isEmpty(known) ? undefined : known
}
