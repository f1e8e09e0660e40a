// Counting tokens of a request that is not sent, in the dialects that have an address for it.
import type { ChatRequest } from './canonical.ts'
import * as anthropic from './anthropic-messages/count-tokens.ts'
import * as gemini from './gemini/count-tokens.ts'
import * as responses from './openai-responses/count-tokens.ts'
import type { EncodedRequest, RequestDecoding, RequestEncoding } from './codec.ts'
import type { ProtocolId } from './protocol.ts'
import type { JsonObject } from './read.ts'

export interface Counter {
  decodeRequest(body: JsonObject, decoding: RequestDecoding & { model: string }): ChatRequest
  encodeRequest(request: ChatRequest, encoding: RequestEncoding): EncodedRequest
  /** null where the answer has no count. */
  decodeResponse(body: JsonObject): number | null
  encodeResponse(tokens: number): Record<string, unknown>
}

export const COUNTERS: Readonly<Partial<Record<ProtocolId, Counter>>> = {
  'anthropic-messages': {
    decodeRequest: anthropic.decodeCountTokensRequest,
    encodeRequest: anthropic.encodeCountTokensRequest,
    decodeResponse: anthropic.decodeCountTokensResponse,
    encodeResponse: anthropic.encodeCountTokensResponse,
  },
  'openai-responses': {
    decodeRequest: responses.decodeCountRequest,
    encodeRequest: responses.encodeCountRequest,
    decodeResponse: responses.decodeCount,
    encodeResponse: responses.encodeCount,
  },
  gemini: {
    decodeRequest: gemini.decodeCountTokensRequest,
    encodeRequest: gemini.encodeCountTokensRequest,
    decodeResponse: gemini.decodeCountTokensResponse,
    encodeResponse: gemini.encodeCountTokensResponse,
  },
}
