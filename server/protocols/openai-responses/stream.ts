// How a Responses stream begins to fail, ends, and tells its usage.
import { UNTOLD_USAGE } from '../canonical.ts'
import { decodeOpenaiError, openaiErrorObject } from '../openai-error.ts'
import type { StreamFacts } from '../protocol.ts'
import { asCount, asObject, asText, findLastMember, lastMember, parseJson } from '../read.ts'
import { findTier } from '../tiers.ts'
import { readResponsesUsage, readSearches } from './usage.ts'

const TERMINAL =
  /"type"\s*:\s*"(?:response\.(?:completed|incomplete|failed)|error)"|^event: ?(?:response\.(?:completed|incomplete|failed)|error)\s/m

const isUsage = (value: unknown): boolean => asCount(asObject(value)?.['input_tokens']) !== null
const isNever = (): boolean => false
const isToolUsage = (value: unknown): boolean => readSearches(asObject(value)) !== null

export const responsesStream: StreamFacts = {
  readError(event) {
    const data = asObject(parseJson(event.data))
    if (!data) return null
    const type = asText(data['type']) ?? event.event
    if (type === 'error') return decodeOpenaiError(200, event.data)
    if (type !== 'response.failed') return null
    return decodeOpenaiError(200, JSON.stringify({ error: asObject(data['response'])?.['error'] ?? {} }))
  },
  isError: (head) => /"type"\s*:\s*"(?:response\.failed|error)"|^event: ?(?:response\.failed|error)\s/m.test(head),
  marks: [],
  isComplete: ({ lastEventHead, tail }) =>
    // The event's type may stand at its head or, behind a response of any length, at its end. A trailing
    // `data: [DONE]` of compatible servers makes the event before it the last one that matters.
    TERMINAL.test(lastEventHead) || TERMINAL.test(tail) || /(?:^|\n)data: ?\[DONE\]/.test(tail),
  usageMembers: {
    usage: isUsage,
    tool_usage: isToolUsage,
    service_tier: (value) => typeof value === 'string',
    // What clients write themselves, and answers repeat: nothing in it tells how they were served.
    metadata: isNever,
    tools: isNever,
    format: isNever,
  },
  readUsage(_firstEvent, tail, members) {
    const passed = (key: string): unknown => parseJson(members?.get(key) ?? '')
    const usage = members?.get('usage') ?? findLastMember(tail, 'usage', isUsage)?.text
    if (usage === undefined) return UNTOLD_USAGE
    const tools = passed('tool_usage') ?? lastMember(tail, 'tool_usage', isToolUsage)
    const tier = passed('service_tier') ?? findTier(tail)
    return { usage: readResponsesUsage(parseJson(usage), tools, tier), raw: usage }
  },
  encodeError(error, { firstEvent, tail }) {
    const { message, code } = openaiErrorObject(error)
    // Only `response.failed` is heard by every client; a bare `error` event is ignored by some. It must carry the id of
    // the response it ends, and a number above the last.
    const id = /"id"\s*:\s*"(resp[^"]*)"/.exec(firstEvent)?.[1] ?? `resp_${error.requestId.replace(/^req_/, '')}`
    const numbers = tail.match(/"sequence_number"\s*:\s*\d+/g)
    const last = Number(numbers?.at(-1)?.replace(/\D+/g, '') ?? 0)
    const response = { id, object: 'response', created_at: 0, status: 'failed', error: { code, message }, output: [] }
    const data = { type: 'response.failed', sequence_number: last + 1, response }
    return `event: response.failed\ndata: ${JSON.stringify(data)}\n\n`
  },
  keepAlive: ': ping\n\n',
}
