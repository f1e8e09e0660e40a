// The pieces an answer and a conversation's history share: texts with annotations, refusals, reasoning, calls. What the
// dialect has besides is kept as it stands.
import type { CallItem, Citation, Extras, Item, ReasoningItem, RefusalItem, Signature, TextItem } from '../canonical.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import type { KnownTool } from '../tool-names.ts'
import { OWN } from './media.ts'

/** Between the parts of a reasoning summary, which the middle model holds as one text. */
export const SUMMARY_SEPARATOR = '\n\n'

const ANNOTATIONS = new Set(['file_citation', 'container_file_citation', 'file_path'])

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** Fields besides the known ones that say something, as extras of this dialect. */
export function extraOf(raw: JsonObject, known: readonly string[]): { extra?: Extras } {
  const others = Object.entries(raw).filter(([key, value]) => !known.includes(key) && value !== null)
  return others.length === 0 ? {} : { extra: { [OWN]: Object.fromEntries(others) } }
}

export function decodeCitation(annotation: unknown): Citation {
  const raw = asObject(annotation)
  const url = asText(raw?.['url'])
  const title = asText(raw?.['title'])
  const start = asCount(raw?.['start_index'])
  const end = asCount(raw?.['end_index'])
  const said = {
    ...(url === null ? {} : { url }),
    ...(title === null ? {} : { title }),
    ...(start === null ? {} : { start }),
    ...(end === null ? {} : { end }),
  }
  const whole = raw?.['type'] === 'url_citation' && Object.keys(raw).length === Object.keys(said).length + 1
  return whole ? said : { ...said, raw: annotation }
}

function isOwn({ raw: value }: Citation): boolean {
  const raw = asObject(value)
  return (
    raw !== null && (ANNOTATIONS.has(asText(raw['type']) ?? '') || (raw['type'] === 'url_citation' && 'url' in raw))
  )
}

/** null where the dialect cannot say it: a source without an address. */
export function encodeCitation(citation: Citation): Record<string, unknown> | null {
  if (isOwn(citation)) return asObject(citation.raw)
  if (citation.url === undefined) return null
  return {
    type: 'url_citation',
    url: citation.url,
    title: citation.title ?? citation.url,
    start_index: citation.start ?? 0,
    end_index: citation.end ?? 0,
  }
}

/** Another dialect said more of the source than can be said here. */
export function isCutShort(citation: Citation): boolean {
  return citation.url !== undefined && (citation.quote !== undefined || citation.raw !== undefined) && !isOwn(citation)
}

/** A text or refusal of the assistant; null for a part of another kind. */
export function decodeContentPart(
  value: unknown,
  base: { readonly turn: number; readonly extra?: Extras },
): TextItem | RefusalItem | null {
  const part = asObject(value)
  if (part?.['type'] === 'refusal') return { ...base, kind: 'refusal', text: asText(part['refusal']) ?? '' }
  if (part?.['type'] !== 'output_text') return null
  const citations = listOf(part['annotations']).map(decodeCitation)
  return {
    ...base,
    kind: 'text',
    role: 'assistant',
    text: asText(part['text']) ?? '',
    ...(citations.length > 0 ? { citations } : {}),
  }
}

/** What `phase` of a message becomes. */
export function phaseOf(raw: JsonObject): { extra?: Extras } {
  const phase = asText(raw['phase'])
  return phase === null ? {} : { extra: { [OWN]: { phase } } }
}

/** A reasoning item: its summary, its plain text, or only the sealed state; the state hangs on the last. */
export function decodeReasoning(raw: JsonObject, signature: Signature | undefined, turn: number): ReasoningItem[] {
  const summary = textsOf(raw['summary']).join(SUMMARY_SEPARATOR)
  const text = textsOf(raw['content']).join('')
  // What another dialect thought travels here as a summary, which for that dialect it is none.
  const foreign = signature !== undefined && signature.kind !== 'encrypted'
  const items: ReasoningItem[] = []
  if (summary !== '') items.push({ turn, kind: 'reasoning', text: summary, ...(foreign ? {} : { summary: true }) })
  if (text !== '') items.push({ turn, kind: 'reasoning', text })
  if (!signature) return items
  const last = items.pop() ?? { turn, kind: 'reasoning', text: '' }
  return [...items, { ...last, signature, ...(signature.kind === 'redacted' ? { redacted: true } : {}) }]
}

function textsOf(parts: unknown): string[] {
  return listOf(parts).flatMap((part) => {
    const text = asText(asObject(part)?.['text'])
    return text === null || text === '' ? [] : [text]
  })
}

const CALL_KEYS = ['type', 'id', 'call_id', 'status', 'name', 'namespace', 'arguments', 'input']

/** `restore`: what a name at the provider stands for; a history's names stand for themselves. */
export function decodeCall(raw: JsonObject, turn: number, restore?: (name: string) => KnownTool): CallItem {
  const freeform = raw['type'] === 'custom_tool_call'
  const wire = asText(raw['name']) ?? ''
  const known = restore?.(wire)
  const namespace = asText(raw['namespace']) ?? known?.namespace
  return {
    turn,
    kind: 'call',
    id: asText(raw['call_id']) ?? asText(raw['id']) ?? '',
    name: known?.name ?? wire,
    ...(namespace === undefined ? {} : { namespace }),
    argsText: asText(freeform ? raw['input'] : raw['arguments']) ?? '',
    style: freeform ? 'freeform' : 'json',
    ...extraOf(raw, CALL_KEYS),
  }
}

/** One item of an answer, as the parts it holds. */
export function decodeOutputItem(
  raw: JsonObject,
  signatureOf: (raw: JsonObject) => Signature | undefined,
  restore: (name: string) => KnownTool,
): Item[] {
  switch (raw['type']) {
    case 'message': {
      const base = { turn: 0, ...phaseOf(raw) }
      return listOf(raw['content']).map((part) => decodeContentPart(part, base) ?? opaqueMessage(raw, part))
    }
    case 'reasoning':
      return decodeReasoning(raw, signatureOf(raw), 0)
    case 'function_call':
    case 'custom_tool_call':
      return [decodeCall(raw, 0, restore)]
    default:
      return [{ turn: 0, kind: 'opaque', protocol: OWN, role: 'assistant', raw }]
  }
}

/** A part nobody knows keeps its message around it, so that what is opaque is always a whole item. */
export function opaqueMessage(message: JsonObject, part: unknown, turn = 0): Item {
  const role = message['role'] === 'user' ? 'user' : 'assistant'
  const raw = { type: 'message', role: message['role'] ?? 'assistant', content: [part] }
  return { turn, kind: 'opaque', protocol: OWN, role, raw }
}
