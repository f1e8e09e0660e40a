// The blocks of this dialect, switched on once: whole answers, streams and histories are all read through here.
import type { Citation, Extras } from '../canonical.ts'
import { asObject, asText, parseJson, type JsonObject } from '../read.ts'
import { readCitations } from './citations.ts'
import { extraOf, ownExtra } from './names.ts'

export type Block =
  | { readonly kind: 'text'; readonly text: string; readonly citations: readonly Citation[] }
  | { readonly kind: 'thinking'; readonly text: string; readonly signature: string }
  | { readonly kind: 'redacted'; readonly data: string }
  | {
      readonly kind: 'call'
      readonly id: string
      readonly name: string
      readonly input: unknown
      readonly extra?: Extras
    }
  | { readonly kind: 'result'; readonly raw: JsonObject }
  | { readonly kind: 'media'; readonly raw: JsonObject }
  /** What other dialects can only be told in words. */
  | { readonly kind: 'told'; readonly text: string; readonly raw: JsonObject }
  /** Tools the provider runs, and everything we do not know. */
  | { readonly kind: 'opaque'; readonly raw: JsonObject }

export function readBlock(block: JsonObject): Block {
  switch (block['type']) {
    case 'text':
      return { kind: 'text', text: asText(block['text']) ?? '', citations: readCitations(block['citations']) }
    case 'thinking':
      return {
        kind: 'thinking',
        text: asText(block['thinking']) ?? '',
        signature: asText(block['signature']) ?? '',
      }
    case 'redacted_thinking':
      return { kind: 'redacted', data: asText(block['data']) ?? '' }
    case 'tool_use':
      return readCall(block)
    case 'tool_result':
      return { kind: 'result', raw: block }
    case 'image':
    case 'document':
      return { kind: 'media', raw: block }
    case 'search_result':
      return { kind: 'told', text: textOfSearchResult(block), raw: block }
    case 'tool_reference':
      return { kind: 'told', text: `Tool loaded: ${asText(block['tool_name']) ?? ''}`, raw: block }
    default:
      return { kind: 'opaque', raw: block }
  }
}

function readCall(block: JsonObject): Block {
  const caller = asObject(block['caller'])
  const direct = caller?.['type'] === 'direct' && Object.keys(caller).length === 1
  return {
    kind: 'call',
    id: asText(block['id']) ?? '',
    name: asText(block['name']) ?? '',
    input: block['input'],
    // A call by the model itself is what every call is elsewhere.
    ...extraOf({ caller: direct ? undefined : caller }),
  }
}

function textOfSearchResult(block: JsonObject): string {
  const content: unknown[] = Array.isArray(block['content']) ? block['content'] : []
  const texts = content.map((part) => asText(asObject(part)?.['text']))
  return [asText(block['title']), asText(block['source']), ...texts].filter((line) => line !== null).join('\n')
}

const TOLD = ['search_result', 'tool_reference'] as const

/** The block that a text stands for, kept beside it; that it may be cited is no part of the text. */
export function keepTold(raw: JsonObject): { extra: Extras } | undefined {
  const { citations } = raw
  const cited = asObject(citations)?.['enabled'] === true ? { citations } : {}
  return extraOf({ [asText(raw['type']) ?? '']: raw, ...cited })
}

export function readTold(extra: Extras | undefined): JsonObject | null {
  const own = ownExtra(extra)
  for (const type of TOLD) if (own[type] !== undefined) return asObject(own[type])
  return null
}

/** Arguments as JSON text; a call without any has an empty object. */
export function argsOfInput(input: unknown): string {
  return input === undefined || input === null || input === '' ? '{}' : JSON.stringify(input)
}

/** Arguments as the object this dialect wants; null where the text is none (cut off, or no object). */
export function inputOfArgs(argsText: string): JsonObject | null {
  return argsText.trim() === '' ? {} : asObject(parseJson(argsText))
}

/** What a freeform tool was called with, out of the one-field object it travels in. */
export function unwrapFreeform(argsText: string): string {
  return asText(asObject(parseJson(argsText))?.['input']) ?? argsText
}
