// Usage as a client of this dialect reads it: cached tokens are part of the prompt, reasoning of the completion, and
// the total is their sum.
import type { ChatRequest, Usage } from '../canonical.ts'
import { tellTier } from '../tiers.ts'
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

const TIERS = ['flex', 'priority', 'fast', 'scale']

/** Beside the usage of an answer: to who asked for a tier, and where it was not the usual one. */
export function writeTier(usage: Usage, { tier }: Pick<ChatRequest, 'tier'>): Record<string, unknown> {
  const word = tier === undefined && usage.tiers === undefined ? undefined : tellTier(usage, TIERS, 'default')
  return word === undefined ? {} : { service_tier: word }
}

function details(counts: Record<string, number | null>): Record<string, unknown> | undefined {
  const known = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== null))
  return isEmpty(known) ? undefined : known
}
