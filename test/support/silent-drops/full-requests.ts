// Requests that together have every member a dialect knows, in conversations as clients hand them back; one that can
// cross to every other dialect, or to most.
import type { Json } from '../cross-dialect.ts'
import type { Source } from './crossing.ts'
import { MESSAGES } from './full-requests/anthropic-messages.ts'
import { GEMINI } from './full-requests/gemini.ts'
import { CHAT } from './full-requests/openai-chat.ts'
import { RESPONSES } from './full-requests/openai-responses.ts'
import { OWN_CHAT } from './full-requests/uniroute-chat.ts'

export const FULL_REQUESTS: Readonly<Record<Source, readonly Json[]>> = {
  'openai-chat': CHAT,
  'openai-responses': RESPONSES,
  'anthropic-messages': MESSAGES,
  gemini: GEMINI,
  'uniroute-chat': OWN_CHAT,
}
