// OpenAI Chat Completions as the middle model and back.
import type { Codec } from '../codec.ts'
import { needsBytes } from './media.ts'
import { decodeChatRequest } from './request-decode.ts'
import { encodeChatRequest } from './request-encode.ts'
import { decodeChatResponse, encodeChatResponse } from './response.ts'
import { ChatStreamDecoder } from './stream-decode.ts'
import { ChatStreamEncoder } from './stream-encode.ts'

export const openaiChatCodec: Codec = {
  needsBytes,
  decodeRequest: decodeChatRequest,
  encodeRequest: encodeChatRequest,
  decodeResponse: decodeChatResponse,
  encodeResponse: encodeChatResponse,
  streamDecoder: (decoding) => new ChatStreamDecoder(decoding),
  streamEncoder: (encoding) => new ChatStreamEncoder(encoding),
}
