// OpenAI Chat Completions, and Embeddings beside it: the dialect of OpenAI and of every server compatible with it.
import { decodeOpenaiError, encodeOpenaiError } from '../openai-error.ts'
import { openaiRateLimits } from '../openai-rate-limits.ts'
import type { Protocol } from '../protocol.ts'
import { asCount, asText } from '../read.ts'
import { chatState } from './state-slots.ts'
import { chatStream } from './stream.ts'
import { readChatUsage } from './usage.ts'

export const openaiChat: Protocol = {
  id: 'openai-chat',
  vendor: 'openai',
  operations: {
    chat: {
      id: 'chat',
      task: 'generate',
      upstreamPath: () => '/chat/completions',
      modelIn: 'body',
      streaming: 'body',
      query: [],
    },
    embeddings: {
      id: 'embeddings',
      task: 'embed',
      upstreamPath: () => '/embeddings',
      modelIn: 'body',
      streaming: 'never',
      query: [],
    },
  },
  // `input` and `max_output_tokens` stand in bodies of another shape.
  peekKeys: new Set(
    ['model', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'tools'].concat([
      'messages',
      'input',
      'max_output_tokens',
    ]),
  ),
  peek: (scan, read) => ({
    model: asText(read('model')),
    stream: read('stream') === true,
    storedReference: false,
    // Whether it is there is all that counts; a long list of tools is not parsed for it.
    functionTools: scan.values.has('tools'),
    maxOutput:
      asCount(read('max_completion_tokens')) ?? asCount(read('max_tokens')) ?? asCount(read('max_output_tokens')),
  }),
  usageKeys: new Set(['usage', 'service_tier']),
  readUsage: (read) => readChatUsage(read('usage'), read('service_tier')),
  rawUsageKeys: ['usage'],
  encodeError: encodeOpenaiError,
  decodeError: decodeOpenaiError,
  rateLimits: openaiRateLimits,
  stream: chatStream,
  stateSlots: chatState,
}
