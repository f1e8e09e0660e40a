// The addresses of the data plane: URL → dialect and operation.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DATA_BODY_CAP, type DataRoute, type Mount, type RouteMatch } from '../http/route.ts'
import type { ProtocolId } from '../protocols/protocol.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { Endpoint } from './exchange.ts'

interface Address {
  readonly path: string
  readonly verb?: string
  readonly protocol: ProtocolId
  readonly operation: string
  readonly mounts: readonly Mount[]
  readonly summary: string
}

const GEMINI_VERBS = [
  ['generateContent', 'generate', 'Gemini: generate content'],
  ['streamGenerateContent', 'stream-generate', 'Gemini: generate content, streamed'],
  ['countTokens', 'count-tokens', 'Gemini: count tokens'],
  ['embedContent', 'embed', 'Gemini: embed one text'],
  ['batchEmbedContents', 'batch-embed', 'Gemini: embed several texts'],
] as const

const ADDRESSES: readonly Address[] = [
  {
    path: '/v1/chat/completions',
    protocol: 'openai-chat',
    operation: 'chat',
    mounts: ['openai'],
    summary: 'OpenAI Chat Completions',
  },
  {
    path: '/v1/embeddings',
    protocol: 'openai-chat',
    operation: 'embeddings',
    mounts: ['openai'],
    summary: 'OpenAI Embeddings',
  },
  {
    path: '/v1/responses',
    protocol: 'openai-responses',
    operation: 'responses',
    mounts: ['openai'],
    summary: 'OpenAI Responses',
  },
  {
    path: '/v1/responses/input_tokens',
    protocol: 'openai-responses',
    operation: 'count-tokens',
    mounts: ['openai'],
    summary: 'OpenAI Responses: count tokens',
  },
  {
    path: '/v1/messages',
    protocol: 'anthropic-messages',
    operation: 'messages',
    mounts: ['anthropic'],
    summary: 'Anthropic Messages',
  },
  {
    path: '/v1/messages/count_tokens',
    protocol: 'anthropic-messages',
    operation: 'count-tokens',
    mounts: ['anthropic'],
    summary: 'Anthropic: count tokens',
  },
  {
    path: '/v1/chat',
    protocol: 'uniroute-chat',
    operation: 'chat',
    mounts: [],
    summary: "UniRoute's own chat, as its first version spoke it",
  },
  {
    path: '/v1/chat/stream',
    protocol: 'uniroute-chat',
    operation: 'chat-stream',
    mounts: [],
    summary: "UniRoute's own chat, streamed",
  },
  ...['/v1beta', '/v1'].flatMap((version) =>
    GEMINI_VERBS.map(([verb, operation, summary]) => ({
      path: `${version}/models/*model`,
      verb,
      protocol: 'gemini' as const,
      operation,
      mounts: ['gemini' as const],
      summary,
    })),
  ),
]

export type ServeEndpoint = (
  endpoint: Endpoint,
  request: IncomingMessage,
  response: ServerResponse,
  match: RouteMatch,
) => Promise<void>

export function createDataRoutes(serve: ServeEndpoint): DataRoute[] {
  return ADDRESSES.map(({ path, verb, protocol: id, operation: name, mounts, summary }) => {
    const protocol = PROTOCOLS[id]
    const operation = protocol.operations[name]
    if (!operation) throw new Error(`${id} has no operation ${name}`)
    const endpoint: Endpoint = { protocol, operation }
    return {
      plane: 'data',
      method: 'POST',
      path,
      ...(verb === undefined ? {} : { verb }),
      mounts,
      credential: 'api-key',
      bodyCap: DATA_BODY_CAP,
      rateClass: 'data',
      summary,
      handle: (request, response, match) => serve(endpoint, request, response, match),
    }
  })
}
