// countTokens: the tokens of a request that is not sent. What is to be counted stands in the body itself, or as a whole
// request in `generateContentRequest`.
import type { ChatRequest } from '../canonical.ts'
import type { EncodedRequest, RequestDecoding, RequestEncoding } from '../codec.ts'
import { asCount, asObject, type JsonObject } from '../read.ts'
import { field } from './fields.ts'
import { decodeRequest } from './request-decode.ts'
import { encodeRequest } from './request-encode.ts'

export function decodeCountTokensRequest(body: JsonObject, decoding: RequestDecoding & { model: string }): ChatRequest {
  const whole = asObject(field(body, 'generateContentRequest'))
  return decodeRequest(whole ?? body, { ...decoding, stream: false })
}

/** Only the form with a whole request lets instructions and tools be counted. */
export function encodeCountTokensRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest {
  const { body, ...encoded } = encodeRequest(request, { ...encoding, stream: false })
  const model = `models/${encoding.profile.model.replace(/^models\//, '')}`
  return { ...encoded, body: { generateContentRequest: { model, ...body } }, enforceStop: [] }
}

/** null where the answer has no count. */
export function decodeCountTokensResponse(body: JsonObject): number | null {
  return asCount(field(body, 'totalTokens'))
}

export function encodeCountTokensResponse(tokens: number): Record<string, unknown> {
  return { totalTokens: tokens }
}
