// Anthropic Messages and count_tokens.
import type { Protocol } from '../protocol.ts'
import { UNKNOWN_USAGE } from '../canonical.ts'
import { asCount, asText } from '../read.ts'
import { anthropicRateLimits } from './rate-limits.ts'
import { decodeAnthropicError, encodeAnthropicError, writeAnthropicOverflow } from './error.ts'
import { messagesState } from './state-slots.ts'
import { messagesStream } from './stream.ts'
import { readAnthropicUsage } from './usage.ts'

export const anthropicMessages: Protocol = {
  id: 'anthropic-messages',
  vendor: 'anthropic',
  operations: {
    messages: {
      id: 'messages',
      task: 'generate',
      upstreamPath: () => '/messages',
      modelIn: 'body',
      streaming: 'body',
      query: ['beta'],
    },
    'count-tokens': {
      id: 'count-tokens',
      task: 'count',
      upstreamPath: () => '/messages/count_tokens',
      modelIn: 'body',
      streaming: 'never',
      query: ['beta'],
    },
  },
  peekKeys: new Set(['model', 'stream', 'max_tokens', 'container']),
  peek: (_scan, read) => ({
    model: asText(read('model')),
    stream: read('stream') === true,
    storedReference: asText(read('container')) !== null,
    maxOutput: asCount(read('max_tokens')),
  }),
  usageKeys: new Set(['usage', 'input_tokens']),
  readUsage(read) {
    // count_tokens answers {"input_tokens": n}: that is its result, nothing was used.
    return read('usage') === undefined && read('input_tokens') !== undefined
      ? { ...UNKNOWN_USAGE, input: 0, output: 0 }
      : readAnthropicUsage(read('usage'))
  },
  rawUsageKeys: ['usage'],
  encodeError: encodeAnthropicError,
  decodeError: decodeAnthropicError,
  overflowWords: writeAnthropicOverflow,
  rateLimits: anthropicRateLimits,
  stream: messagesStream,
  signsThoughts: true,
  stateSlots: messagesState,
}
