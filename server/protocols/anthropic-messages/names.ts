// Names this dialect's codec shares: the protocol's id and the ids it accepts for calls.
import type { Extras } from '../canonical.ts'
import type { JsonObject } from '../read.ts'

export const PROTOCOL = 'anthropic-messages'

const CALL_ID = /^[a-zA-Z0-9_-]+$/

/** A call's id as Anthropic takes it: the same for a call and its result, whatever the client called it. */
export function wireCallId(id: string, hash8: (text: string) => string): string {
  return CALL_ID.test(id) ? id : `${id.replace(/[^a-zA-Z0-9_-]/g, '_')}_${hash8(id)}`
}

/** Fields of one item that only this dialect knows; undefined where there are none. */
export function extraOf(fields: Record<string, unknown>): { extra: Extras } | undefined {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
  return kept.length === 0 ? undefined : { extra: { [PROTOCOL]: Object.fromEntries(kept) } }
}

export function ownExtra(extra: Extras | undefined): JsonObject {
  return extra?.[PROTOCOL] ?? {}
}
