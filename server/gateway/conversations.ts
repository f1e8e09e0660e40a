// Which model a conversation was served by, so that its next turn begins there: caches at the provider and reasoning
// state are worth more than a better price. Memory of the process, bounded; only a hash of the conversation is kept.
import { createHash } from 'node:crypto'
import type { RequestHeaders } from '../http/route.ts'
import type { Clock } from '../kernel/clock.ts'
import type { RequestFacts } from '../protocols/request-facts.ts'

export interface Conversations {
  remember(conversation: string, model: string): void
  /** `<provider>/<model>` that served last; null where none is known. */
  recall(conversation: string): string | null
}

/** By what clients call a session; none says what it is for. */
const SESSION_HEADERS = ['x-claude-code-session-id', 'session-id', 'session_id'] as const
const KEPT_MS = 6 * 3_600_000
const MOST = 20_000

export function createConversations({ clock }: { clock: Clock }): Conversations {
  const served = new Map<string, { model: string; at: number }>()
  return {
    remember(conversation, model) {
      served.delete(conversation)
      served.set(conversation, { model, at: clock.monotonic() })
      if (served.size > MOST) served.delete(served.keys().next().value!)
    },
    recall(conversation) {
      const found = served.get(conversation)
      return found && clock.monotonic() - found.at < KEPT_MS ? found.model : null
    },
  }
}

/**
 * A name for the conversation that says nothing about it; other per user. `requestId` where nothing tells which it is.
 */
export function nameConversation(
  userId: string,
  headers: RequestHeaders,
  facts: RequestFacts,
  requestId: string,
): string {
  const session = SESSION_HEADERS.map((name) => headers[name]).find((value) => value !== undefined) ?? facts.cacheKey
  const named = session === null ? ['words', facts.firstWords || requestId] : ['session', session]
  return createHash('sha256')
    .update(JSON.stringify([userId, ...named]))
    .digest('base64url')
}

/** Does it go on from a turn before, or belong to a session? Else its first words may be anybody's. */
export function isContinued(headers: RequestHeaders, facts: RequestFacts): boolean {
  return facts.isContinued || facts.cacheKey !== null || SESSION_HEADERS.some((name) => headers[name] !== undefined)
}
