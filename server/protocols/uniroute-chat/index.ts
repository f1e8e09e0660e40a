// UniRoute's own chat, as its first version spoke it: `/v1/chat` answers whole, `/v1/chat/stream` streams. Clients
// speak it, no provider does: nothing of it is ever relayed, so there is no usage to read and no upstream path to go
// to. Errors are one sentence in `{"error": …}`, with true statuses.
import { UNKNOWN_USAGE, UNTOLD_USAGE } from '../canonical.ts'
import type { Protocol, StreamFacts } from '../protocol.ts'
import { asCount, asText, readErrorBody } from '../read.ts'
import { encodeFailure } from './stream-encode.ts'

const stream: StreamFacts = {
  readError: () => null,
  isError: () => false,
  marks: [],
  isComplete: () => false,
  readUsage: () => UNTOLD_USAGE,
  encodeError: (error) => encodeFailure(error),
  keepAlive: ': ping\n\n',
}

export const unirouteChat: Protocol = {
  id: 'uniroute-chat',
  vendor: 'openai',
  operations: {
    chat: {
      id: 'chat',
      task: 'generate',
      upstreamPath: () => '/chat',
      modelIn: 'body',
      streaming: 'never',
      query: [],
    },
    'chat-stream': {
      id: 'chat-stream',
      task: 'generate',
      upstreamPath: () => '/chat/stream',
      modelIn: 'body',
      streaming: 'always',
      query: [],
    },
  },
  peekKeys: new Set(['model', 'max_tokens']),
  // Whether it streams is said by the address alone.
  peek: (_scan, read) => ({
    model: asText(read('model')),
    stream: false,
    storedReference: false,
    maxOutput: asCount(read('max_tokens')),
  }),
  usageKeys: new Set(),
  readUsage: () => UNKNOWN_USAGE,
  rawUsageKeys: [],
  encodeError: (error) => ({ status: error.status, body: JSON.stringify({ error: error.message }) }),
  decodeError: (_status, body) => ({ ...readErrorBody(body), retryAfterMs: null }),
  stream,
}
