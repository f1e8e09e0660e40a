// countTokens: the tokens of a request that is not sent. What is to be counted stands in the body itself, or as a whole
// request in `generateContentRequest`.
import type { ChatRequest } from '../canonical.ts'
import type { EncodedRequest, RequestDecoding, RequestEncoding } from '../codec.ts'
import { asCount, asObject, type JsonObject } from '../read.ts'
import { field } from './fields.ts'
import { decodeRequest } from './request-decode.ts'
import { encodeRequest } from './request-encode.ts'

export interface TokenCount {
  /** Tokens of the request, cached ones among them. */
  readonly input: number | null
  readonly cacheRead: number | null
}

export function decodeCountRequest(
  body: JsonObject,
  decoding: RequestDecoding & { model: string },
): ChatRequest {
  const whole = asObject(field(body, 'generateContentRequest'))
  return decodeRequest(whole ?? body, { ...decoding, stream: false })
}

/** Only the whole request lets instructions and tools be counted. */
export function encodeCountRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest {
  const { body, toolNames } = encodeRequest(request, encoding)
  const model = `models/${encoding.profile.model.replace(/^models\//, '')}`
  return { body: { generateContentRequest: { model, ...body } }, toolNames, enforceStop: [] }
}

export function decodeCountResponse(body: JsonObject): TokenCount {
  return {
    input: asCount(field(body, 'totalTokens')),
    cacheRead: asCount(field(body, 'cachedContentTokenCount')),
  }
}

export function encodeCountResponse({ input, cacheRead }: TokenCount): Record<string, unknown> {
  return { totalTokens: input ?? 0, ...(cacheRead === null ? {} : { cachedContentTokenCount: cacheRead }) }
}

