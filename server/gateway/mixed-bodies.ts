// Is the body of a Chat request one of another shape, as Cursor and others send them: Responses items (`input`, flat
// tools), Anthropic blocks, empty lists of content? No provider takes those, so such a request is read and written anew
// even for one that speaks Chat. Looked for in the raw bytes first: nearly every body is what it should be.
import { sliceChunks } from '../kernel/json-scan.ts'
import {
  hasMixedMessages,
  hasMixedTools,
  MIXED_MESSAGE_MARKS,
  MIXED_TOOL_MARKS,
} from '../protocols/openai-chat/mixed-shapes.ts'
import { parseJson } from '../protocols/read.ts'
import type { Exchange } from './exchange.ts'

const known = new WeakMap<Exchange, boolean>()

export function isMixedShape(exchange: Exchange): boolean {
  const before = known.get(exchange)
  if (before !== undefined) return before
  const isChat = exchange.protocol.id === 'openai-chat' && exchange.operation.id === 'chat'
  const isMixed = isChat && readShape(exchange)
  known.set(exchange, isMixed)
  return isMixed
}

function readShape(exchange: Exchange): boolean {
  const { values } = exchange.scan
  if (!values.has('messages')) return values.has('input')
  return (
    values.has('input') ||
    holds(exchange, 'messages', MIXED_MESSAGE_MARKS, hasMixedMessages) ||
    holds(exchange, 'tools', MIXED_TOOL_MARKS, hasMixedTools)
  )
}

function holds(exchange: Exchange, key: string, marks: RegExp, confirm: (value: unknown) => boolean): boolean {
  const range = exchange.scan.values.get(key)
  if (!range) return false
  const slices = sliceChunks(exchange.body, range.start, range.end)
  // Latin-1 keeps every byte a character, so ASCII marks are found without decoding.
  const bytes = Buffer.concat(slices)
  return marks.test(bytes.toString('latin1')) && confirm(parseJson(bytes.toString('utf8')))
}
