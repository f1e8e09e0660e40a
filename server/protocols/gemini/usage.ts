// Usage as Gemini tells it: thoughts stand beside the candidates, tool prompts beside the prompt.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { addCounts, asCount, asObject } from '../read.ts'

export function readGeminiUsage(value: unknown): Usage {
  const usage = asObject(value)
  if (!usage) return UNKNOWN_USAGE
  const thoughts = asCount(usage['thoughtsTokenCount'])
  const candidates = asCount(usage['candidatesTokenCount'])
  const prompt = asCount(usage['promptTokenCount'])
  return {
    input: addCounts(prompt, asCount(usage['toolUsePromptTokenCount'])),
    cacheRead: asCount(usage['cachedContentTokenCount']),
    cacheWrite: null,
    cacheWrite1h: null,
    // A prompt without candidates (blocked, or an embedding) produced nothing.
    output: addCounts(candidates, thoughts) ?? (prompt === null ? null : 0),
    reasoning: thoughts,
    searches: null,
  }
}
