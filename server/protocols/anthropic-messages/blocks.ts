// Items of a conversation as blocks of this dialect. Reasoning state of another provider or account stays behind, never
// the call or text it hangs on.
import type { CallItem, Item, ReasoningItem, ResultItem, ResultPart, Signature, TextItem } from '../canonical.ts'
import { CannotCross, type RequestEncoding } from '../codec.ts'
import { asObject } from '../read.ts'
import type { ToolNames } from '../tool-names.ts'
import { isOwnCitation } from './citations.ts'
import { writeMedia } from './media.ts'
import { ownExtra, PROTOCOL, wireCallId } from './names.ts'
import { inputOfArgs, readTold } from './parts.ts'

export type WireBlock = Record<string, unknown>

export interface BlockEncoding extends RequestEncoding {
  readonly names: ToolNames
}

/** null: the item has nothing to say here. */
export function encodeItem(item: Item, encoding: BlockEncoding): WireBlock | null {
  if (item.signature && item.kind !== 'reasoning') dropState(encoding)
  switch (item.kind) {
    case 'text':
      return encodeText(item, encoding)
    case 'refusal':
      return item.text.trim() === '' ? null : { type: 'text', text: item.text }
    case 'media':
      if (item.role !== 'user') {
        const text = 'The model asked for takes images and files from the user alone. Put them in a user message.'
        throw new CannotCross('messages', text)
      }
      return writeMedia(item, encoding.losses)
    case 'reasoning':
      return encodeReasoning(item, encoding)
    case 'call':
      return encodeCall(item, encoding)
    case 'result':
      return encodeResult(item, encoding)
    case 'opaque':
      if (item.protocol === PROTOCOL) return { ...asObject(item.raw) }
      encoding.losses.drop('provider_items', 'what another provider ran stays with it')
      return null
  }
}

function encodeText({ text, citations, extra }: TextItem, { losses }: BlockEncoding): WireBlock | null {
  const told = readTold(extra)
  if (told) return { ...told }
  if (text.trim() === '') return null
  const own = (citations ?? []).filter(isOwnCitation)
  if (own.length < (citations ?? []).length) losses.drop('citations', 'citations of another provider')
  return { type: 'text', text, ...(own.length > 0 ? { citations: own.map(({ raw }) => raw) } : {}) }
}

function encodeReasoning({ text, signature }: ReasoningItem, encoding: BlockEncoding): WireBlock | null {
  if (!signature || !isUsable(signature, encoding)) {
    if (signature || text !== '') dropState(encoding)
    return null
  }
  return signature.kind === 'redacted'
    ? { type: 'redacted_thinking', data: signature.value }
    : { type: 'thinking', thinking: text, signature: signature.value }
}

// Native values of a client that speaks this dialect name nobody; everything else must come from who will serve.
function isUsable({ kind, provider, account }: Signature, encoding: BlockEncoding): boolean {
  if (kind !== 'signature' && kind !== 'redacted') return false
  if (provider === '') return true
  return provider === encoding.provider && (account === '' || account === encoding.account)
}

function dropState({ losses }: BlockEncoding): void {
  losses.drop('reasoning_state', 'reasoning of another provider or account')
}

function encodeCall(call: CallItem, { names, hash8, losses }: BlockEncoding): WireBlock {
  let input = call.style === 'freeform' ? { input: call.argsText } : inputOfArgs(call.argsText)
  if (!input) {
    losses.approximate('tool_arguments', 'arguments that are no JSON object')
    input = { input: call.argsText }
  }
  const id = wireCallId(call.id, hash8)
  return { type: 'tool_use', id, name: names.wireName(call.name, call.namespace), input, ...ownExtra(call.extra) }
}

function encodeResult({ callId, parts, isError }: ResultItem, encoding: BlockEncoding): WireBlock {
  const blocks = parts.map((part) => encodeResultPart(part, encoding)).filter((block) => block !== null)
  const only = blocks.length === 1 && blocks[0]!['type'] === 'text' ? blocks[0]!['text'] : undefined
  const content = only ?? (blocks.length > 0 ? blocks : undefined)
  return {
    type: 'tool_result',
    tool_use_id: wireCallId(callId, encoding.hash8),
    ...(content === undefined ? {} : { content }),
    ...(isError ? { is_error: true } : {}),
  }
}

function encodeResultPart(part: ResultPart, { losses }: BlockEncoding): WireBlock | null {
  switch (part.kind) {
    case 'text': {
      const told = readTold(part.extra)
      if (told) return { ...told }
      return part.text === '' ? null : { type: 'text', text: part.text }
    }
    case 'media':
      return writeMedia(part, losses)
    case 'opaque':
      if (part.protocol === PROTOCOL) return { ...asObject(part.raw) }
      losses.drop('provider_items', 'what another provider ran stays with it')
      return null
  }
}
