// Usage as Gemini tells it: thoughts stand beside the candidates, tool prompts beside the prompt.
import { UNKNOWN_USAGE, type Usage } from '../canonical.ts'
import { addCounts, asCount, asObject, asText, type JsonObject } from '../read.ts'
import { servedIn } from '../tiers.ts'
import { asList, asObjects, field } from './fields.ts'

/** Searches stand beside the tokens: in the `groundingMetadata` of a candidate. */
export function readGeminiUsage(value: unknown, searches: number | null = null): Usage {
  const usage = asObject(value)
  if (!usage) return { ...UNKNOWN_USAGE, searches }
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
    searches,
    ...readModalities(usage),
    ...servedIn(usage['serviceTier'], tierOfTraffic(usage['trafficType'])),
  }
}

/**
 * Searches that Google ran for an answer: different queries count, empty ones do not, as it bills them. What was found
 * on a map without a query is one. null where nothing was looked for.
 */
export function countSearches(metadata: unknown): number | null {
  const grounding = asObject(metadata)
  const queries = ['webSearchQueries', 'imageSearchQueries'].flatMap((name) => asList(field(grounding, name)))
  const different = new Set(queries.filter((query) => typeof query === 'string' && query.trim() !== ''))
  if (different.size > 0) return different.size
  return asObjects(field(grounding, 'groundingChunks')).some((chunk) => asObject(chunk['maps'])) ? 1 : null
}

/** Vertex AI tells of its tiers so: ON_DEMAND_FLEX, ON_DEMAND_PRIORITY. */
function tierOfTraffic(traffic: unknown): string | undefined {
  return /^ON_DEMAND_(\w+)$/.exec(asText(traffic) ?? '')?.[1]
}

/** Thoughts are text, whatever else was made. */
function readModalities(usage: JsonObject): Pick<Usage, 'beyondText'> {
  const count = (list: string, modality: string): number =>
    asList(usage[list])
      .map(asObject)
      .filter((one) => one?.['modality'] === modality)
      .reduce((sum, one) => sum + (asCount(one?.['tokenCount']) ?? 0), 0)
  const beyondText = {
    inputAudio: count('promptTokensDetails', 'AUDIO'),
    inputImage: count('promptTokensDetails', 'IMAGE'),
    inputVideo: count('promptTokensDetails', 'VIDEO'),
    outputAudio: count('candidatesTokensDetails', 'AUDIO'),
    outputImage: count('candidatesTokensDetails', 'IMAGE'),
  }
  return Object.values(beyondText).some((tokens) => tokens > 0) ? { beyondText } : {}
}
