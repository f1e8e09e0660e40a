// Thoughts that a provider takes back only together with its signature and unchanged, on their way through clients that
// show thoughts and do not return them as they were (Gemini's own client keeps the signature alone). They travel in the
// sealed envelope beside the signature, so the client holds them and nothing is kept here.
import type { Item, Signature, StreamEvent } from '../protocols/canonical.ts'

/** Puts the words of each part of thoughts beside its signature, which comes after them. */
export function createThoughtSigner(): (event: StreamEvent) => StreamEvent {
  let text = ''
  return (event) => {
    if (event.type === 'part-start') text = ''
    if (event.type !== 'part-delta') return event
    const { delta } = event
    if (delta.kind === 'reasoning') text += delta.text
    if (delta.kind !== 'signature') return event
    return { ...event, delta: { ...delta, signature: withThoughts(delta.signature, text) } }
  }
}

export function signThoughts(items: readonly Item[]): Item[] {
  return items.map((item) =>
    item.kind === 'reasoning' && item.signature
      ? { ...item, signature: withThoughts(item.signature, item.text) }
      : item,
  )
}

/** The conversation as `provider` gave it; what another one thought stays sealed. */
export function unsealThoughts(items: readonly Item[], provider: string): Item[] {
  return items.map((item) => {
    if (item.signature?.thoughts === undefined) return item
    const { thoughts, ...signature } = item.signature
    const isOurs = item.kind === 'reasoning' && signature.provider === provider
    return isOurs ? { ...item, text: thoughts, signature } : { ...item, signature }
  })
}

// Only this kind is checked against the words beside it; the others hold what they need.
function withThoughts(signature: Signature, text: string): Signature {
  return signature.kind === 'signature' && text !== '' ? { ...signature, thoughts: text } : signature
}
