// How a Gemini stream begins to fail, ends, and tells its usage.
import { UNTOLD_USAGE } from '../canonical.ts'
import type { StreamFacts } from '../protocol.ts'
import { asCount, asObject, findLastMember, parseJson } from '../read.ts'
import { decodeGeminiError, geminiErrorObject } from './error.ts'
import { readGeminiUsage } from './usage.ts'

export const geminiStream: StreamFacts = {
  readError(event) {
    const data = asObject(parseJson(event.data))
    return data?.['error'] === undefined ? null : decodeGeminiError(200, event.data)
  },
  // Grounding may follow the finish reason at any length, so it is looked for as the stream goes by.
  isError: (head) => /^data: ?\{\s*"error"\s*:/.test(head),
  marks: ['"finishReason"', '"blockReason"'],
  isComplete: ({ marked, lastEventHead }) => marked || /^data: ?\{\s*"error"\s*:/.test(lastEventHead),
  readUsage(_firstEvent, tail) {
    // Some answers leave the prompt out and count what was produced all the same.
    const usage = ['promptTokenCount', 'candidatesTokenCount', 'thoughtsTokenCount']
      .map((count) => findLastMember(tail, 'usageMetadata', (value) => asCount(value[count]) !== null))
      .find((found) => found !== null)
    return usage ? { usage: readGeminiUsage(usage.value), raw: usage.text } : UNTOLD_USAGE
  },
  encodeError: (error) => `data: ${JSON.stringify(geminiErrorObject(error))}\n\n`,
  keepAlive: ': ping\n\n',
}
