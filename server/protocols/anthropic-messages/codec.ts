// Anthropic Messages as a codec.
import type { Codec } from '../codec.ts'
import { needsBytes } from './media.ts'
import { decodeMessagesRequest } from './request-decode.ts'
import { encodeMessagesRequest } from './request-encode.ts'
import { decodeMessagesResponse, encodeMessagesResponse } from './response.ts'
import { createMessagesDecoder } from './stream-decode.ts'
import { createMessagesEncoder } from './stream-encode.ts'

export const anthropicMessagesCodec: Codec = {
  needsBytes,
  argumentsAreObjects: true,
  decodeRequest: decodeMessagesRequest,
  encodeRequest: encodeMessagesRequest,
  decodeResponse: decodeMessagesResponse,
  encodeResponse: encodeMessagesResponse,
  streamDecoder: createMessagesDecoder,
  streamEncoder: createMessagesEncoder,
}
