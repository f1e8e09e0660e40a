// Why an answer ended, in Gemini's words and the middle model's.
import type { Finish, FinishUnified } from '../canonical.ts'

const UNIFIED: ReadonlyMap<string, FinishUnified> = new Map(
  Object.entries<FinishUnified>({
    STOP: 'stop',
    MAX_TOKENS: 'length',
    SAFETY: 'content_filter',
    RECITATION: 'content_filter',
    BLOCKLIST: 'content_filter',
    PROHIBITED_CONTENT: 'content_filter',
    SPII: 'content_filter',
    IMAGE_SAFETY: 'content_filter',
    IMAGE_PROHIBITED_CONTENT: 'content_filter',
    IMAGE_RECITATION: 'content_filter',
    IMAGE_OTHER: 'content_filter',
    MALFORMED_FUNCTION_CALL: 'malformed',
    MALFORMED_RESPONSE: 'malformed',
    UNEXPECTED_TOOL_CALL: 'malformed',
    TOO_MANY_TOOL_CALLS: 'malformed',
  }),
)

const WORDS: Readonly<Record<FinishUnified, string>> = {
  stop: 'STOP',
  stop_sequence: 'STOP',
  tool_calls: 'STOP',
  pause: 'STOP',
  length: 'MAX_TOKENS',
  context_window: 'MAX_TOKENS',
  refusal: 'SAFETY',
  content_filter: 'SAFETY',
  malformed: 'MALFORMED_FUNCTION_CALL',
}

/** Some servers in front of Gemini write the number of the word. */
const NUMBERED = ['', 'STOP', 'MAX_TOKENS', 'SAFETY', 'RECITATION', 'OTHER']

/** The word a `finishReason` stands for; null where the answer has not ended. */
export function readReason(value: unknown): string | null {
  const word = typeof value === 'number' ? (NUMBERED[value] ?? String(value)) : value
  return typeof word === 'string' && word !== '' && word !== 'FINISH_REASON_UNSPECIFIED' ? word : null
}

/** Unknown words count as a stop, and are marked; a stop with calls is the calls'. */
export function finishOf(word: string, hasCalls: boolean): Finish {
  const known = UNIFIED.get(word)
  const unified = known ?? 'stop'
  return {
    unified: unified === 'stop' && hasCalls ? 'tool_calls' : unified,
    raw: word,
    ...(known === undefined ? { unknown: true } : {}),
  }
}

/** The provider's own word where it is one of ours and means the same. */
export function reasonOf({ unified, raw }: Finish): string {
  const word = WORDS[unified]
  const known = UNIFIED.get(raw)
  return known !== undefined && known === UNIFIED.get(word) ? raw : word
}
