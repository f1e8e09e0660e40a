// What the writers of messages share: the request's context, and content as a string or a list of parts.
import type { CacheMark } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import type { ToolNames } from '../tool-names.ts'
import { writeCache } from './cache.ts'

export type Message = Record<string, unknown>

export interface MessageEncoding extends RequestEncoding {
  /** The client wrote this dialect. */
  readonly native: boolean
  readonly names: ToolNames
}

/** A text as a part; with its cache mark where there is one. */
export function textPart(text: string, cache: CacheMark | undefined, encoding: RequestEncoding): Message {
  return { type: 'text', text, ...writeCache(cache, encoding) }
}

/** One plain text is a string; anything else a list of parts. */
export function contentOf(parts: readonly Message[]): unknown {
  const [only] = parts
  if (parts.length !== 1 || only?.['type'] !== 'text' || Object.keys(only).length > 2) return parts
  return only['text']
}
