// The codecs of the dialects: the explicit list.
import { anthropicMessagesCodec } from './anthropic-messages/codec.ts'
import type { Codec } from './codec.ts'
import { geminiCodec } from './gemini/codec.ts'
import { openaiChatCodec } from './openai-chat/codec.ts'
import { openaiResponsesCodec } from './openai-responses/codec.ts'
import type { ProtocolId } from './protocol.ts'
import { unirouteChatCodec } from './uniroute-chat/codec.ts'

export const CODECS: Readonly<Record<ProtocolId, Codec>> = {
  'openai-chat': openaiChatCodec,
  'openai-responses': openaiResponsesCodec,
  'anthropic-messages': anthropicMessagesCodec,
  gemini: geminiCodec,
  'uniroute-chat': unirouteChatCodec,
}
