// Thoughts that a provider takes back only together with its signature and unchanged, on their way through clients that
// show thoughts and do not return them as they were (Gemini's own client keeps the signature alone). They travel in the
// sealed envelope beside the signature, so the client holds them and nothing is kept here. Clients whose dialect wants
// every thought signed get an envelope for unsigned ones too.
import type { Item, Signature, StreamEvent } from '../protocols/canonical.ts'

/** Who thinks, where unsigned thoughts get an envelope; null where they stay as they are. */
export type Thinker = Pick<Signature, 'provider' | 'account' | 'model'> | null

/** Puts the words of each part of thoughts beside its signature, which comes after them. */
export function createThoughtSigner(thinker: Thinker): (event: StreamEvent) => StreamEvent[] {
  let text = ''
  let isBare = false
  return (event) => {
    if (event.type === 'part-start') {
      text = ''
      isBare = event.part.kind === 'reasoning'
    }
    if (event.type === 'part-end' && thinker && isBare && text !== '') {
      isBare = false
      const { index } = event
      return [{ type: 'part-delta', index, delta: { kind: 'signature', signature: unsigned(thinker, text) } }, event]
    }
    if (event.type !== 'part-delta') return [event]
    const { delta } = event
    if (delta.kind === 'reasoning') text += delta.text
    if (delta.kind !== 'signature') return [event]
    isBare = false
    return [{ ...event, delta: { ...delta, signature: withThoughts(delta.signature, text) } }]
  }
}

export function signThoughts(items: readonly Item[], thinker: Thinker): Item[] {
  return items.map((item) => {
    if (item.kind !== 'reasoning') return item
    if (item.signature) return { ...item, signature: withThoughts(item.signature, item.text) }
    return thinker && item.text !== '' ? { ...item, signature: unsigned(thinker, item.text) } : item
  })
}

/** The conversation as `provider` gave it; what another one thought stays sealed. */
export function unsealThoughts(items: readonly Item[], provider: string): Item[] {
  return items.map((item) => {
    if (item.signature?.thoughts === undefined) return item
    const { thoughts, ...signature } = item.signature
    const isOurs = item.kind === 'reasoning' && signature.provider === provider
    if (!isOurs) return { ...item, signature }
    const { signature: _sealed, ...bare } = item
    return signature.kind === 'unsigned' ? { ...bare, text: thoughts } : { ...bare, text: thoughts, signature }
  })
}

// Only this kind is checked against the words beside it; the others hold what they need.
function withThoughts(signature: Signature, text: string): Signature {
  return signature.kind === 'signature' && text !== '' ? { ...signature, thoughts: text } : signature
}

function unsigned({ provider, account, model }: NonNullable<Thinker>, thoughts: string): Signature {
  return { provider, account, model, kind: 'unsigned', value: '', thoughts }
}
