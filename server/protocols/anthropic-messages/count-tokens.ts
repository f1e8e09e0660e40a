// Counting a request's tokens before it is sent. Tools the provider runs are left out of the count.
import type { ChatRequest } from '../canonical.ts'
import type { EncodedRequest, RequestDecoding, RequestEncoding } from '../codec.ts'
import { asCount, type JsonObject } from '../read.ts'
import { decodeMessagesRequest } from './request-decode.ts'
import { encodeMessagesRequest } from './request-encode.ts'

const COUNTED: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'cache_control',
])

export function decodeCountTokensRequest(body: JsonObject, decoding: RequestDecoding & { model: string }): ChatRequest {
  return decodeMessagesRequest(body, { ...decoding, stream: false })
}

export function encodeCountTokensRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest {
  if (request.builtins.length > 0) encoding.losses.drop('builtin_tools', 'tools the provider runs are not counted')
  const countable: ChatRequest = { ...withoutForcedBuiltin(request), builtins: [] }
  const { body, ...encoded } = encodeMessagesRequest(countable, { ...encoding, stream: false })
  return { ...encoded, body: Object.fromEntries(Object.entries(body).filter(([key]) => COUNTED.has(key))) }
}

function withoutForcedBuiltin(request: ChatRequest): ChatRequest {
  const { toolChoice, ...rest } = request
  const isBuiltin = toolChoice?.mode === 'named' && request.builtins.some(({ name }) => name === toolChoice.name)
  return isBuiltin ? rest : request
}

/** null where the answer has no count. */
export function decodeCountTokensResponse(body: JsonObject): number | null {
  return asCount(body['input_tokens'])
}

export function encodeCountTokensResponse(tokens: number): Record<string, unknown> {
  return { input_tokens: tokens }
}
