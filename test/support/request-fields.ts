// Every field that a request may have, dialect by dialect, with a value that is no default: top-level ones as the
// vendors' own SDKs type them (November 2026), and the settings inside those that hold several.
import type { Dialect, Json } from './cross-dialect.ts'
import { MESSAGES } from './request-fields/anthropic-messages.ts'
import type { RequestField } from './request-fields/field.ts'
import { GEMINI } from './request-fields/gemini.ts'
import { CHAT } from './request-fields/openai-chat.ts'
import { RESPONSES } from './request-fields/openai-responses.ts'

/** The plainest request, to which a field is added. */
export const PLAIN_REQUESTS: Readonly<Record<Dialect, Json>> = {
  'openai-chat': { messages: [{ role: 'user', content: 'q' }] },
  'openai-responses': { input: [{ role: 'user', content: 'q' }] },
  'anthropic-messages': { max_tokens: 4000, messages: [{ role: 'user', content: 'q' }] },
  gemini: { contents: [{ role: 'user', parts: [{ text: 'q' }] }] },
}

export const REQUEST_FIELDS: Readonly<Record<Dialect, readonly RequestField[]>> = {
  'openai-chat': CHAT,
  'openai-responses': RESPONSES,
  'anthropic-messages': MESSAGES,
  gemini: GEMINI,
}

/** Named by the address and by how the answer is asked for, so there is nothing to carry. */
export const ROUTED_FIELDS: ReadonlySet<string> = new Set(['model', 'stream'])
