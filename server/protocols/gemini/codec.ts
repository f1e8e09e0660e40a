// Gemini's generateContent and streamGenerateContent as the middle model and back.
import type { Codec } from '../codec.ts'
import { needsBytes } from './media.ts'
import { decodeRequest } from './request-decode.ts'
import { encodeRequest } from './request-encode.ts'
import { decodeResponse, encodeResponse } from './response.ts'
import { createStreamDecoder } from './stream-decode.ts'
import { createStreamEncoder } from './stream-encode.ts'

export const geminiCodec: Codec = {
  needsBytes,
  argumentsAreObjects: true,
  decodeRequest,
  encodeRequest,
  decodeResponse,
  encodeResponse,
  streamDecoder: createStreamDecoder,
  streamEncoder: createStreamEncoder,
}
