// The client's stream: `data:` lines alone. An `event:` line or a `[DONE]` makes Google's SDK lose or refuse the
// stream.
import type { ResponseEncoding, StreamEncoder } from '../codec.ts'
import type { JsonObject } from '../read.ts'
import { AnswerWriter } from './answer-writer.ts'
import { geminiErrorObject } from './error.ts'
import { writeText } from './parts.ts'

export function createStreamEncoder(encoding: ResponseEncoding): StreamEncoder {
  const writer = new AnswerWriter(encoding, true)
  return {
    push(event) {
      if (event.type !== 'finish') {
        const parts = writer.push(event)
        return parts.length > 0 ? frame(writer.wrap(parts)) : ''
      }
      const last = writer.end(event, [])
      return frame(withSomePart(last))
    },
    fail: (error) => frame(geminiErrorObject(error)),
  }
}

/** Usage and finish reason come on a chunk that has a part, as the provider's own do. */
function withSomePart(last: JsonObject): JsonObject {
  const [candidate] = (last['candidates'] ?? []) as JsonObject[]
  const content = candidate?.['content'] as { parts: JsonObject[]; role: string } | undefined
  if (!content || content.parts.length > 0) return last
  return { ...last, candidates: [{ ...candidate, content: { ...content, parts: [writeText('')] } }] }
}

function frame(value: JsonObject): string {
  return `data: ${JSON.stringify(value)}\n\n`
}
