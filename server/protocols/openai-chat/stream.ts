// How a Chat Completions stream begins to fail, ends, and tells its usage.
import { UNTOLD_USAGE } from '../canonical.ts'
import { decodeOpenaiError, openaiErrorObject } from '../openai-error.ts'
import type { StreamFacts } from '../protocol.ts'
import { asCount, asObject, findLastMember, parseJson } from '../read.ts'
import { findTier } from '../tiers.ts'
import { readChatUsage } from './usage.ts'

const ERROR_HEAD = /^(?:event: ?error\s|data: ?\{\s*"error"\s*:)/

export const chatStream: StreamFacts = {
  readError(event) {
    const data = asObject(parseJson(event.data))
    if (!data || (data['error'] === undefined && event.event !== 'error') || data['error'] === null) return null
    return decodeOpenaiError(200, event.data)
  },
  isError: (head) => ERROR_HEAD.test(head),
  marks: ['"finish_reason":"', '"finish_reason": "'],
  isComplete({ lastEventHead, tail, marked }) {
    // Some compatible servers end a whole stream without [DONE]: a finish reason is an ending too, and so is an error
    // event of the provider's own.
    return (
      /(?:^|\n)data: ?\[DONE\]/.test(tail) || marked || /^(?:event: ?error\s|data: ?\{"error"\s*:)/.test(lastEventHead)
    )
  },
  readUsage(_firstEvent, tail) {
    const usage = findLastMember(tail, 'usage', (value) => asCount(value['prompt_tokens']) !== null)
    return usage ? { usage: readChatUsage(usage.value, findTier(tail)), raw: usage.text } : UNTOLD_USAGE
  },
  encodeError: (error) => `data: ${JSON.stringify({ error: openaiErrorObject(error) })}\n\n`,
  keepAlive: ': ping\n\n',
}
