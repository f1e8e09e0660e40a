// How a Messages stream begins to fail, ends, and tells its usage.
import type { StreamFacts } from '../protocol.ts'
import { asCount, asObject, asText, findLastMember, parseJson } from '../read.ts'
import { anthropicErrorObject, anthropicStatus, decodeAnthropicError } from './error.ts'
import { mergeAnthropicUsage, readAnthropicUsage } from './usage.ts'

const STOP = /"type"\s*:\s*"message_stop"/

export const messagesStream: StreamFacts = {
  readError(event) {
    const data = asObject(parseJson(event.data))
    if (!data || (asText(data['type']) !== 'error' && event.event !== 'error')) return null
    return decodeAnthropicError(200, event.data)
  },
  isError: (head) => /^event: ?error\s|^data: ?\{\s*"type"\s*:\s*"error"/m.test(head),
  marks: [],
  // Of a last event longer than the tail only the head says what it is.
  isComplete: ({ lastEventHead, tail }) =>
    STOP.test(tail) || STOP.test(lastEventHead) || /^event: ?error\s/m.test(tail),
  readUsage(firstEvent, tail) {
    const data = firstEvent.slice(firstEvent.indexOf('{'))
    const start = asObject(asObject(asObject(parseJson(data))?.['message'])?.['usage'])
    const delta = findLastMember(tail, 'usage', (value) => asCount(value['output_tokens']) !== null)
    const merged = mergeAnthropicUsage(start, delta?.value ?? null)
    const raw = merged && (merged === delta?.value ? delta.text : JSON.stringify(merged))
    return { usage: readAnthropicUsage(merged), raw }
  },
  encodeError: (error) =>
    `event: error\ndata: ${JSON.stringify(anthropicErrorObject(error, anthropicStatus(error)))}\n\n`,
  keepAlive: 'event: ping\ndata: {"type": "ping"}\n\n',
}
