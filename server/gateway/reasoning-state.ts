// Reasoning state of one provider on its way through a client that speaks another dialect. It travels sealed in the
// client's own slot (`urs1.…`), and, since many clients drop what they do not know, is kept here for a while by the ids
// of tool calls. Only opaque state is kept, sealed like the envelope, in memory, per tenant, with a bound and an expiry.
// Invariant: what another tenant sealed, or what was changed on the way, does not open.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'
import type { CallItem, Item, ReasoningItem, Signature } from '../protocols/canonical.ts'
import { asObject, asText, parseJson } from '../protocols/read.ts'

export interface ReasoningState {
  seal(tenant: string, signature: Signature): string
  /** null where it is no envelope of ours, another tenant's, or damaged. */
  open(tenant: string, text: string): Signature | null
  /** Keeps the state that hangs on the calls of an answer. */
  remember(tenant: string, items: readonly Item[]): void
  /** The items with what a client dropped put back where calls with known ids stand bare. */
  restore(tenant: string, items: readonly Item[]): readonly Item[]
  readonly size: number
}

const PREFIX = 'urs1.'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LONGEST_ENVELOPE = 512 * 1024
const KEPT_MS = 6 * 3_600_000
const MOST_CALLS = 20_000
const MOST_BYTES = 64 * 1024 * 1024

interface Kept {
  readonly at: number
  /** Sealed signatures of the reasoning before the call, then of the call itself. */
  readonly before: readonly string[]
  readonly own: string | null
  readonly bytes: number
}

/** `secret`: key material of this installation that seals no provider key. */
export function createReasoningState({ secret, clock }: { secret: Uint8Array; clock: Clock }): ReasoningState {
  const key = Buffer.from(hkdfSync('sha256', secret, Buffer.alloc(0), 'uniroute/reasoning-state/v1', 32))
  const calls = new Map<string, Kept>()
  let bytes = 0

  function seal(tenant: string, signature: Signature): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(Buffer.from(tenant))
    const sealed = Buffer.concat([
      nonce,
      cipher.update(JSON.stringify(signature), 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ])
    return PREFIX + sealed.toString('base64url')
  }

  function open(tenant: string, text: string): Signature | null {
    if (!text.startsWith(PREFIX) || text.length > LONGEST_ENVELOPE) return null
    const sealed = Buffer.from(text.slice(PREFIX.length), 'base64url')
    // Node's decoder forgives a changed last character; an envelope has one spelling.
    if (sealed.length <= NONCE_BYTES + TAG_BYTES || sealed.toString('base64url') !== text.slice(PREFIX.length))
      return null
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(tenant))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    try {
      const plain = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
      return readSignature(parseJson(plain.toString('utf8')))
    } catch (error) {
      // A tag that does not fit is the expected sign of a foreign or changed envelope.
      if (error instanceof Error) return null
      throw error
    }
  }

  function keep(name: string, kept: Kept): void {
    const before = calls.get(name)
    if (before) bytes -= before.bytes
    calls.delete(name)
    calls.set(name, kept)
    bytes += kept.bytes
    for (const [oldest, value] of calls) {
      const expired = clock.monotonic() - value.at > KEPT_MS
      if (!expired && calls.size <= MOST_CALLS && bytes <= MOST_BYTES) break
      calls.delete(oldest)
      bytes -= value.bytes
    }
  }

  return {
    seal,
    open,
    remember(tenant, items) {
      let before: string[] = []
      for (const item of items) {
        // What signs readable thoughts is of no use without them, and they are not kept here.
        if (item.kind === 'reasoning' && item.signature && item.signature.thoughts === undefined) {
          before.push(seal(tenant, item.signature))
        }
        if (item.kind !== 'call') continue
        const own = item.signature ? seal(tenant, item.signature) : null
        if (before.length > 0 || own !== null) {
          const size = before.reduce((sum, text) => sum + text.length, own?.length ?? 0)
          keep(nameOf(tenant, item.id), { at: clock.monotonic(), before, own, bytes: size })
        }
        before = []
      }
    },
    restore(tenant, items) {
      if (calls.size === 0) return items
      const restored: Item[] = []
      for (const item of items) {
        const kept = item.kind === 'call' ? calls.get(nameOf(tenant, item.id)) : undefined
        if (item.kind !== 'call' || !kept || clock.monotonic() - kept.at > KEPT_MS) {
          restored.push(item)
          continue
        }
        if (!hasReasoningBefore(restored, item.turn)) {
          for (const text of kept.before) pushReasoning(restored, open(tenant, text), item)
        }
        const own = item.signature ?? (kept.own === null ? null : open(tenant, kept.own))
        restored.push(own ? { ...item, signature: own } : item)
      }
      return restored
    },
    get size() {
      return calls.size
    },
  }
}

function nameOf(tenant: string, callId: string): string {
  return `${tenant}\n${callId}`
}

/** Did the client hand the signed thoughts of this turn back by itself? */
function hasReasoningBefore(items: readonly Item[], turn: number): boolean {
  return items.some((item) => item.turn === turn && item.kind === 'reasoning' && item.signature !== undefined)
}

function pushReasoning(items: Item[], signature: Signature | null, call: CallItem): void {
  if (!signature) return
  const redacted = signature.kind === 'redacted'
  const item: ReasoningItem = {
    kind: 'reasoning',
    turn: call.turn,
    text: '',
    signature,
    ...(redacted ? { redacted } : {}),
  }
  // Thoughts come first in their turn, before any text that led to the call.
  const first = items.findIndex((other) => other.turn === call.turn)
  items.splice(first === -1 ? items.length : first, 0, item)
}

function readSignature(value: unknown): Signature | null {
  const object = asObject(value)
  const provider = asText(object?.['provider'])
  const account = asText(object?.['account'])
  const model = asText(object?.['model'])
  const kind = object?.['kind']
  const text = asText(object?.['value'])
  const id = asText(object?.['id'])
  const format = asText(object?.['format'])
  const thoughts = asText(object?.['thoughts'])
  if (provider === null || account === null || model === null || text === null) return null
  if (kind !== 'signature' && kind !== 'encrypted' && kind !== 'redacted' && kind !== 'thought') return null
  return {
    provider,
    account,
    model,
    kind,
    value: text,
    ...(id === null ? {} : { id }),
    ...(format === null ? {} : { format }),
    ...(thoughts === null ? {} : { thoughts }),
  }
}
