// OpenAI Responses: item-based, with state that OpenAI may store for the account.
import { decodeOpenaiError, encodeOpenaiError } from '../openai-error.ts'
import { openaiRateLimits } from '../openai-rate-limits.ts'
import { UNKNOWN_USAGE } from '../canonical.ts'
import type { Protocol } from '../protocol.ts'
import { asCount, asText } from '../read.ts'
import { COUNT_TOKENS_PATH } from './count-tokens.ts'
import { responsesState } from './state-slots.ts'
import { responsesStream } from './stream.ts'
import { readResponsesUsage } from './usage.ts'

export const openaiResponses: Protocol = {
  id: 'openai-responses',
  vendor: 'openai',
  operations: {
    responses: {
      id: 'responses',
      task: 'generate',
      upstreamPath: () => '/responses',
      modelIn: 'body',
      modelOptional: true,
      streaming: 'body',
      query: [],
    },
    'count-tokens': {
      id: 'count-tokens',
      task: 'count',
      upstreamPath: () => COUNT_TOKENS_PATH,
      modelIn: 'body',
      streaming: 'never',
      query: [],
    },
  },
  peekKeys: new Set(['model', 'stream', 'max_output_tokens', 'previous_response_id', 'conversation', 'prompt']),
  peek: (_scan, read) => ({
    model: asText(read('model')),
    stream: read('stream') === true,
    storedReference: ['previous_response_id', 'conversation', 'prompt'].some((key) => isGiven(read(key))),
    maxOutput: asCount(read('max_output_tokens')),
  }),
  usageKeys: new Set(['usage', 'tool_usage', 'service_tier', 'input_tokens']),
  // input_tokens answers a count: that is its result, nothing was used.
  readUsage: (read) =>
    read('usage') === undefined && read('input_tokens') !== undefined
      ? { ...UNKNOWN_USAGE, input: 0, output: 0 }
      : readResponsesUsage(read('usage'), read('tool_usage'), read('service_tier')),
  rawUsageKeys: ['usage'],
  encodeError: encodeOpenaiError,
  decodeError: decodeOpenaiError,
  rateLimits: openaiRateLimits,
  stream: responsesStream,
  stateSlots: responsesState,
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}
