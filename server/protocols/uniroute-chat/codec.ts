// The codec of `/v1/chat`: the side of clients only. No provider speaks it, so asking it to write to one, or to read
// one, is a fault of the gateway's own.
import type { Codec } from '../codec.ts'
import { decodeRequest } from './request-decode.ts'
import { encodeResponse } from './response-encode.ts'
import { createStreamEncoder } from './stream-encode.ts'

function refuse(): never {
  throw new Error('uniroute-chat has no provider side: a request must be translated to the dialect of its provider')
}

export const unirouteChatCodec: Codec = {
  decodeRequest,
  encodeRequest: refuse,
  decodeResponse: refuse,
  encodeResponse,
  streamDecoder: refuse,
  streamEncoder: createStreamEncoder,
}
