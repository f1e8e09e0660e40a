// Thoughts and sealed reasoning state in a message: `reasoning_content` or `reasoning` is what people read,
// `reasoning_details` holds state, and pieces of text it belongs to. An entry of ours says by `length` how much of the
// readable text is its own, so that several thoughts stay apart; two line ends stand between them.
// Invariant: what is read from a whole message is what is read from its stream.
import type { ReasoningItem, Signature } from '../canonical.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { asList, asNumber } from './names.ts'

export const BETWEEN_THOUGHTS = '\n\n'

export interface Thought {
  readonly text: string
  readonly summary?: boolean
  readonly redacted?: boolean
  readonly signature?: Signature
}

/** Makes state of a slot's value; undefined where it is not to be used. */
export type OpenState = (
  value: string,
  slot: { kind: Signature['kind']; id?: string; format?: string },
) => Signature | undefined

/** One entry of `reasoning_details`. */
export interface Detail {
  readonly text: string
  readonly summary: boolean
  /** How much of the readable text is this entry's; null where the entry is not ours. */
  readonly length: number | null
  readonly state: { readonly value: string; readonly kind: 'signature' | 'encrypted' } | null
  readonly id?: string
  readonly format?: string
}

export function readDetails(value: unknown): Detail[] {
  return asList(value).flatMap((entry) => {
    const detail = asObject(entry)
    if (!detail) return []
    const summary = asText(detail['summary'])
    const signature = asText(detail['signature'])
    const data = asText(detail['data'])
    const id = asText(detail['id'])
    const format = asText(detail['format'])
    return [
      {
        text: summary ?? asText(detail['text']) ?? '',
        summary: summary !== null,
        length: asNumber(detail['length']) ?? null,
        state: data ? { value: data, kind: 'encrypted' } : signature ? { value: signature, kind: 'signature' } : null,
        ...(id === null ? {} : { id }),
        ...(format === null ? {} : { format }),
      } satisfies Detail,
    ]
  })
}

export function stateOf(detail: Detail, open: OpenState): Signature | undefined {
  if (!detail.state) return undefined
  const { id, format } = detail
  return open(detail.state.value, {
    kind: detail.state.kind,
    ...(id === undefined ? {} : { id }),
    ...(format === undefined ? {} : { format }),
  })
}

/** The thoughts of a whole message, in order. */
export function readThoughts(message: JsonObject, open: OpenState): Thought[] {
  const readable = asText(message['reasoning_content']) ?? asText(message['reasoning']) ?? ''
  const details = readDetails(message['reasoning_details'])
  if (details.length === 0) return readable === '' ? [] : [{ text: readable }]
  if (details.some(({ text }) => text !== '')) return readOwnTexts(details, open)
  return readLengths(readable, details, open)
}

// Entries with texts of their own: sealed state belongs to the text before it.
function readOwnTexts(details: readonly Detail[], open: OpenState): Thought[] {
  const thoughts: Thought[] = []
  for (const detail of details) {
    const signature = stateOf(detail, open)
    const before = thoughts.at(-1)
    if (detail.text !== '') {
      const piece = { text: detail.text, ...(detail.summary ? { summary: true } : {}) }
      thoughts.push(signature ? { ...piece, signature } : piece)
    } else if (signature && before && !before.signature) {
      thoughts[thoughts.length - 1] = { ...before, signature }
    } else if (signature) thoughts.push(stateAlone(signature))
  }
  return thoughts
}

function readLengths(readable: string, details: readonly Detail[], open: OpenState): Thought[] {
  const thoughts: Thought[] = []
  let at = 0
  for (const detail of details) {
    const signature = stateOf(detail, open)
    if (at > 0 && detail.length !== 0 && readable.startsWith(BETWEEN_THOUGHTS, at)) at += BETWEEN_THOUGHTS.length
    const text = readable.slice(at, detail.length === null ? undefined : at + detail.length)
    at += text.length
    if (text === '') {
      if (signature) thoughts.push(stateAlone(signature))
    } else thoughts.push({ text, ...(signature ? { signature } : {}) })
  }
  if (at > 0 && readable.startsWith(BETWEEN_THOUGHTS, at)) at += BETWEEN_THOUGHTS.length
  if (at < readable.length) thoughts.push({ text: readable.slice(at) })
  return thoughts
}

function stateAlone(signature: Signature): Thought {
  return { text: '', signature, ...(signature.kind === 'redacted' ? { redacted: true } : {}) }
}

export function reasoningItem(thought: Thought, turn: number): ReasoningItem {
  return { kind: 'reasoning', turn, ...thought }
}

/** The entry for a client behind a thought: its state sealed, and how long its text was. */
export function sealedDetail(sealed: string | null, length: number, index: number): Record<string, unknown> {
  return sealed === null
    ? { type: 'reasoning.text', text: '', length, index }
    : { type: 'reasoning.encrypted', data: sealed, length, index }
}

/** The entries for the server that wrote this state, as it wrote them. */
export function nativeDetails(item: ReasoningItem, signature: Signature): Record<string, unknown>[] {
  const { kind, value, id, format } = signature
  const label = { ...(id === undefined ? {} : { id }), ...(format === undefined ? {} : { format }) }
  if (kind === 'signature') return [{ type: 'reasoning.text', text: item.text, signature: value, ...label }]
  const sealed = { type: 'reasoning.encrypted', data: value, ...label }
  if (item.text === '') return [sealed]
  const shown = item.summary
    ? { type: 'reasoning.summary', summary: item.text }
    : { type: 'reasoning.text', text: item.text }
  return [{ ...shown, ...(format === undefined ? {} : { format }) }, sealed]
}
