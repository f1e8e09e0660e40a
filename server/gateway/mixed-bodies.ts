// Is the body of a Chat request one of another shape, as Cursor and others send them: Responses items (`input`, flat
// tools), Anthropic blocks, empty lists of content? No provider takes those, so such a request is read and written anew
// even for one that speaks Chat. Looked for in the raw bytes first: nearly every body is what it should be.
import { matchesBytes } from '../kernel/byte-search.ts'
import { joinChunks, sliceChunks } from '../kernel/json-scan.ts'
import {
  EMPTY_CONTENT_MARK,
  hasEmptyContent,
  hasMixedMessages,
  hasMixedTools,
  MIXED_MESSAGE_MARKS,
  MIXED_TOOL_MARKS,
} from '../protocols/openai-chat/mixed-shapes.ts'
import { parseJson } from '../protocols/read.ts'
import type { Provider } from '../providers/provider.ts'
import type { Exchange } from './exchange.ts'

/** empty: only lists without content, which some servers take. */
type Shape = 'own' | 'mixed' | 'empty'

const known = new WeakMap<Exchange, Shape>()

/** Is the body none that this provider's own Chat address takes? */
export function isMixedShape(exchange: Exchange, provider: Pick<Provider, 'translateVia'>): boolean {
  let shape = known.get(exchange)
  if (shape === undefined) {
    shape = readShape(exchange)
    known.set(exchange, shape)
  }
  return shape === 'mixed' || (shape === 'empty' && provider.translateVia !== exchange.protocol.id)
}

function readShape(exchange: Exchange): Shape {
  if (exchange.protocol.id !== 'openai-chat' || exchange.operation.id !== 'chat') return 'own'
  if (exchange.scan.values.has('input')) return 'mixed'
  const messages = bytesOf(exchange, 'messages')
  if (messages && matchesBytes(messages, MIXED_MESSAGE_MARKS) && hasMixedMessages(read(messages))) return 'mixed'
  const tools = bytesOf(exchange, 'tools')
  if (tools && MIXED_TOOL_MARKS.test(tools.toString('latin1')) && hasMixedTools(read(tools))) return 'mixed'
  return messages && matchesBytes(messages, EMPTY_CONTENT_MARK) && hasEmptyContent(read(messages)) ? 'empty' : 'own'
}

/** A top-level value as it lies: parsed only where one of the marks stands in its bytes. */
function bytesOf(exchange: Exchange, key: string): Buffer | null {
  const range = exchange.scan.values.get(key)
  return range ? joinChunks(sliceChunks(exchange.body, range.start, range.end)) : null
}

function read(bytes: Buffer): unknown {
  return parseJson(bytes.toString('utf8'))
}
