// The content parts of this dialect, and of those that clients mix into it, switched on once: histories, whole answers
// and streams are all read through here.
import type { Citation, Item, Role, Signature } from '../canonical.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { cached } from './cache.ts'
import { readMedia, type Media } from './media.ts'
import { asList, CHAT } from './names.ts'

export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly raw: JsonObject }
  | { readonly kind: 'refusal'; readonly text: string }
  | { readonly kind: 'thinking'; readonly text: string }
  | { readonly kind: 'media'; readonly media: Media; readonly raw: JsonObject }
  | { readonly kind: 'opaque'; readonly raw: JsonObject }

/** The parts of a content: text, a list of parts, or (some servers' structured answers) an object. */
export function readContent(content: unknown): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content, raw: {} }]
  const object = asObject(content)
  if (object) return [{ kind: 'text', text: JSON.stringify(object), raw: {} }]
  return asList(content).flatMap((entry) => {
    if (typeof entry === 'string') return readContent(entry)
    const part = asObject(entry)
    return part ? readPart(part) : []
  })
}

function readPart(part: JsonObject): Part[] {
  switch (part['type']) {
    case 'text':
    case 'input_text':
    case 'output_text': {
      const text = asText(part['text']) ?? ''
      return text === '' ? [] : [{ kind: 'text', text, raw: part }]
    }
    case 'refusal': {
      const text = asText(part['refusal']) ?? ''
      return text === '' ? [] : [{ kind: 'refusal', text }]
    }
    case 'thinking': {
      const text = asText(part['thinking']) ?? textOfParts(part['thinking'])
      return text === '' ? [] : [{ kind: 'thinking', text }]
    }
    default: {
      const media = readMedia(part)
      return [media ? { kind: 'media', media, raw: part } : { kind: 'opaque', raw: part }]
    }
  }
}

function textOfParts(value: unknown): string {
  return asList(value)
    .map((entry) => asText(asObject(entry)?.['text']) ?? '')
    .join('')
}

/** Moves citations along when texts are joined. */
export function shiftCitations(citations: readonly Citation[], offset: number): Citation[] {
  return citations.map((citation) =>
    citation.start === undefined || citation.end === undefined
      ? citation
      : { ...citation, start: citation.start + offset, end: citation.end + offset },
  )
}

export function itemOfPart(part: Part, role: Role, turn: number): Item {
  switch (part.kind) {
    case 'text':
      return { kind: 'text', turn, role, text: part.text, ...cached(part.raw) }
    case 'refusal':
      return { kind: 'refusal', turn, text: part.text }
    case 'thinking':
      return { kind: 'reasoning', turn, text: part.text }
    case 'media':
      return { kind: 'media', turn, role, ...part.media, ...cached(part.raw) }
    case 'opaque':
      return { kind: 'opaque', turn, role, protocol: CHAT, raw: part.raw }
  }
}

/** What a message says beside its content belongs to its last text; state without a text gets an empty one. */
export function addToText(
  items: Item[],
  citations: readonly Citation[],
  signature: Signature | undefined,
  turn: number,
): void {
  const more = { ...(citations.length > 0 ? { citations } : {}), ...(signature ? { signature } : {}) }
  const at = items.findLastIndex(({ kind }) => kind === 'text')
  const found = items[at]
  if (found?.kind === 'text') items[at] = { ...found, ...more }
  else if (signature) items.push({ kind: 'text', turn, role: 'assistant', text: '', ...more })
}
