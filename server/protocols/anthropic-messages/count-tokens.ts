// Counting a request's tokens before it is sent. Tools the provider runs are left out of the count.
import type { Builtin, ChatRequest } from '../canonical.ts'
import type { EncodedRequest, RequestDecoding, RequestEncoding } from '../codec.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import { PROTOCOL } from './names.ts'
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
  const { toolChoice, ...rest } = request
  const builtins = request.builtins.filter(isClientRun)
  const left = request.builtins.filter((builtin) => !isClientRun(builtin))
  if (left.length > 0) encoding.losses.drop('builtin_tools', 'tools the provider runs are not counted')
  const isLeft = toolChoice?.mode === 'named' && left.some(({ name }) => name === toolChoice.name)
  const countable: ChatRequest = { ...rest, ...(toolChoice && !isLeft ? { toolChoice } : {}), builtins }
  const { body, ...encoded } = encodeMessagesRequest(countable, { ...encoding, stream: false })
  return { ...encoded, body: Object.fromEntries(Object.entries(body).filter(([key]) => COUNTED.has(key))) }
}

/** Tools the vendor describes and the client runs. */
function isClientRun({ protocol, raw }: Builtin): boolean {
  return protocol === PROTOCOL && /^(?:bash|text_editor|computer|memory)_/.test(asText(asObject(raw)?.['type']) ?? '')
}

/** null where the answer has no count. */
export function decodeCountTokensResponse(body: JsonObject): number | null {
  return asCount(body['input_tokens'])
}

export function encodeCountTokensResponse(tokens: number): Record<string, unknown> {
  return { input_tokens: tokens }
}
