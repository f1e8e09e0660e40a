// A whole answer of `/v1/chat`.
import type { ChatResponse } from '../canonical.ts'
import type { ResponseEncoding } from '../codec.ts'
import { answerId, encodeCitations, encodeFinish, encodeServed, encodeUsage, reportPart } from './parts.ts'

export function encodeResponse(response: ChatResponse, encoding: ResponseEncoding): Record<string, unknown> {
  let content = ''
  for (const item of response.items) {
    if (item.kind === 'text' || item.kind === 'refusal') content += item.text
    else reportPart(item.kind, encoding.losses)
  }
  const citations = response.items.flatMap((item) => (item.kind === 'text' ? (item.citations ?? []) : []))
  return {
    id: answerId(encoding),
    model: encoding.requestedModel,
    created: encoding.created,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content },
        finish_reason: encodeFinish(response.finish, encoding.losses),
      },
    ],
    usage: encodeUsage(response.usage),
    ...encodeCitations(citations, encoding.losses),
    ...encodeServed(encoding),
  }
}
