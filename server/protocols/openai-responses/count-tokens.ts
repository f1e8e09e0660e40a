// Counting a request's tokens without answering it: `/v1/responses/input_tokens`, for clients that ask and for
// providers that answer.
import type { ChatRequest } from '../canonical.ts'
import type { EncodedRequest, RequestDecoding, RequestEncoding } from '../codec.ts'
import { asCount, type JsonObject } from '../read.ts'
import { decodeRequest } from './request-decode.ts'
import { encodeRequest } from './request-encode.ts'

export const COUNT_TOKENS_PATH = '/responses/input_tokens'

/** What counts; everything else says how to answer. */
const COUNTED = (
  'model input instructions tools tool_choice parallel_tool_calls text reasoning previous_response_id conversation ' +
  'truncation personality'
).split(' ')

export function decodeCountRequest(body: JsonObject, decoding: RequestDecoding & { model: string }): ChatRequest {
  return decodeRequest(body, { ...decoding, stream: false })
}

export function encodeCountRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest {
  const encoded = encodeRequest({ ...request, stream: false }, { ...encoding, stream: false })
  const counted = Object.entries(encoded.body).filter(([field]) => COUNTED.includes(field))
  return { ...encoded, body: Object.fromEntries(counted) }
}

/** null where the answer holds no number. */
export function decodeCount(body: JsonObject): number | null {
  return asCount(body['input_tokens'])
}

export function encodeCount(tokens: number): Record<string, unknown> {
  return { object: 'response.input_tokens', input_tokens: tokens }
}
