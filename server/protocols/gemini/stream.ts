// How a Gemini stream begins to fail, ends, and tells its usage.
import { UNKNOWN_USAGE, UNTOLD_USAGE } from '../canonical.ts'
import type { StreamFacts } from '../protocol.ts'
import { asCount, asObject, findLastMember, parseJson } from '../read.ts'
import { decodeGeminiError, geminiErrorObject } from './error.ts'
import { countSearches, readGeminiUsage } from './usage.ts'

export const geminiStream: StreamFacts = {
  readError(event) {
    const data = asObject(parseJson(event.data))
    return data?.['error'] === undefined ? null : decodeGeminiError(200, event.data)
  },
  // Grounding may follow the finish reason at any length, so it is looked for as the stream goes by.
  isError: (head) => /^data: ?\{\s*"error"\s*:/.test(head),
  marks: ['"finishReason"', '"blockReason"'],
  isComplete: ({ marked, lastEventHead }) => marked || /^data: ?\{\s*"error"\s*:/.test(lastEventHead),
  // Before the last event, and longer than its tail.
  usageMembers: { groundingMetadata: (value) => countSearches(value) !== null },
  readUsage(_firstEvent, tail, members) {
    const searches = countSearches(parseJson(members?.get('groundingMetadata') ?? ''))
    // Some answers leave the prompt out and count what was produced all the same.
    const usage = ['promptTokenCount', 'candidatesTokenCount', 'thoughtsTokenCount']
      .map((count) => findLastMember(tail, 'usageMetadata', (value) => asCount(value[count]) !== null))
      .find((found) => found !== null)
    if (usage) return { usage: readGeminiUsage(usage.value, searches), raw: usage.text }
    return searches === null ? UNTOLD_USAGE : { usage: { ...UNKNOWN_USAGE, searches }, raw: null }
  },
  encodeError: (error) => `data: ${JSON.stringify(geminiErrorObject(error))}\n\n`,
  keepAlive: ': ping\n\n',
}
