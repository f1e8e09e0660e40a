// The conversation of a request as items. A turn is a message; what its blocks mean is said in parts.ts.
import type {
  CacheMark,
  CallItem,
  Instruction,
  Item,
  ReasoningItem,
  ResultPart,
  Role,
  Signature,
} from '../canonical.ts'
import { CannotCross, type LossReport, type RequestDecoding } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { readMedia } from './media.ts'
import { PROTOCOL } from './names.ts'
import { argsOfInput, keepTold, readBlock } from './parts.ts'

const ENVELOPE = 'urs1.'
const BILLING = /^x-anthropic-billing-header:/i

export function readCacheMark(block: JsonObject): { cache: CacheMark } | undefined {
  const mark = asObject(block['cache_control'])
  if (!mark) return undefined
  const ttl = asText(mark['ttl'])
  return { cache: ttl === null ? {} : { ttl } }
}

/** Claude Code begins its system blocks with a note to its vendor, which is no instruction. */
export function readSystem(value: unknown): { instructions: Instruction[]; billing: string | undefined } {
  let billing: string | undefined
  const instructions: Instruction[] = []
  const blocks: unknown[] = typeof value === 'string' ? [{ text: value }] : Array.isArray(value) ? value : []
  for (const [index, entry] of blocks.entries()) {
    const block = asObject(entry)
    const text = asText(block?.['text'])
    if (!block || text === null || text === '') continue
    if (index === 0 && BILLING.test(text)) billing = text
    else instructions.push({ role: 'system', text, ...readCacheMark(block) })
  }
  return { instructions, billing }
}

export function readMessages(value: unknown, decoding: RequestDecoding): Item[] {
  if (!Array.isArray(value)) throw new CannotCross('messages', '`messages` must be a list of messages.', 'bad_request')
  return (value as unknown[]).flatMap((entry, turn) => readMessage(asObject(entry), turn, decoding))
}

function readMessage(message: JsonObject | null, turn: number, decoding: RequestDecoding): Item[] {
  const role = message?.['role']
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    const text = `The role of messages.${turn} must be user, assistant or system.`
    throw new CannotCross('messages', text, 'bad_request')
  }
  const content = message?.['content']
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', turn, role, text: content }]
  if (!Array.isArray(content)) {
    const text = `The content of messages.${turn} must be text or a list of blocks.`
    throw new CannotCross('messages', text, 'bad_request')
  }
  const items: Item[] = []
  for (const entry of content as unknown[]) {
    const block = asObject(entry)
    if (block) items.push(...readItems(block, turn, role, decoding))
  }
  return hangStateOnCalls(items)
}

function readItems(block: JsonObject, turn: number, role: Role, decoding: RequestDecoding): Item[] {
  const base = { turn, ...readCacheMark(block) }
  const part = readBlock(block)
  switch (part.kind) {
    case 'text': {
      if (part.text === '') return []
      const { citations } = part
      return [{ ...base, kind: 'text', role, text: part.text, ...(citations.length > 0 ? { citations } : {}) }]
    }
    case 'thinking':
      return [readReasoning(base, part.text, part.signature, 'signature', decoding)]
    case 'redacted':
      return [readReasoning(base, '', part.data, 'redacted', decoding)]
    case 'call': {
      const { id, name, input, extra } = part
      const call = { kind: 'call', id, name, argsText: argsOfInput(input), style: 'json' } as const
      return [{ ...base, ...call, ...(extra ? { extra } : {}) }]
    }
    case 'result':
      return [readResult(part.raw, base, decoding.losses)]
    case 'media': {
      const media = readMedia(part.raw, decoding.losses)
      if (!media) return [opaqueItem(part.raw, base, role)]
      // A mark stands behind the whole document, which comes last.
      return media.map((one, at) => ({ ...(at < media.length - 1 ? { turn } : base), kind: 'media', role, ...one }))
    }
    case 'told':
      return [{ ...base, kind: 'text', role, text: part.text, ...keepTold(withoutCache(part.raw)) }]
    case 'opaque':
      return [opaqueItem(part.raw, base, role)]
  }
}

function opaqueItem(raw: JsonObject, base: { turn: number; cache?: CacheMark }, role: Role): Item {
  return { ...base, kind: 'opaque', protocol: PROTOCOL, role, raw: withoutCache(raw) }
}

function withoutCache(raw: JsonObject): JsonObject {
  if (!('cache_control' in raw)) return raw
  const { cache_control: _mark, ...rest } = raw
  return rest
}

// An envelope holds anybody's state; what is no envelope is Anthropic's own, of an account we do not know.
function readReasoning(
  base: { turn: number; cache?: CacheMark },
  text: string,
  value: string,
  kind: 'signature' | 'redacted',
  decoding: RequestDecoding,
): ReasoningItem {
  const redacted = kind === 'redacted' ? { redacted: true } : {}
  if (!value.startsWith(ENVELOPE)) {
    const signature: Signature = { provider: '', account: '', model: '', kind, value }
    return { ...base, kind: 'reasoning', text, ...(value === '' ? {} : { signature }), ...redacted }
  }
  const signature = decoding.openEnvelope(value)
  if (!signature) decoding.losses.drop('reasoning_state', 'sealed for someone else, or damaged')
  return { ...base, kind: 'reasoning', text, ...(signature ? { signature } : {}), ...redacted }
}

/** An empty thinking block with a call's id in its envelope carries that call's state (Gemini). */
function hangStateOnCalls(items: readonly Item[]): Item[] {
  const states = new Map<string, ReasoningItem>()
  const calls = new Set(items.filter((item) => item.kind === 'call').map((call) => call.id))
  for (const item of items) {
    if (item.kind !== 'reasoning' || item.text !== '' || item.signature?.kind !== 'thought') continue
    const { id } = item.signature
    if (id !== undefined && calls.has(id)) states.set(id, item)
  }
  if (states.size === 0) return [...items]
  const carriers = new Set<Item>(states.values())
  return items
    .filter((item) => !carriers.has(item))
    .map((item) => (item.kind === 'call' ? withState(item, states) : item))
}

function withState(call: CallItem, states: ReadonlyMap<string, ReasoningItem>): CallItem {
  const signature = states.get(call.id)?.signature
  if (!signature) return call
  const { id: _call, ...rest } = signature
  return { ...call, signature: rest }
}

function readResult(raw: JsonObject, base: { turn: number; cache?: CacheMark }, losses: LossReport): Item {
  const { content } = raw
  const blocks: unknown[] =
    typeof content === 'string' ? [{ type: 'text', text: content }] : Array.isArray(content) ? content : []
  const parts: ResultPart[] = []
  let cache = base.cache
  for (const entry of blocks) {
    const block = asObject(entry)
    if (!block) continue
    // A mark inside a result is one behind it.
    cache ??= readCacheMark(block)?.cache
    parts.push(...readResultParts(withoutCache(block), losses))
  }
  const callId = asText(raw['tool_use_id']) ?? ''
  const isError = raw['is_error'] === true
  return { turn: base.turn, ...(cache ? { cache } : {}), kind: 'result', callId, parts, isError, style: 'json' }
}

function readResultParts(block: JsonObject, losses: LossReport): ResultPart[] {
  const part = readBlock(block)
  switch (part.kind) {
    case 'text':
      return part.text === '' ? [] : [{ kind: 'text', text: part.text }]
    case 'media': {
      const media = readMedia(part.raw, losses)
      return media
        ? media.map((one) => ({ kind: 'media', ...one }))
        : [{ kind: 'opaque', protocol: PROTOCOL, raw: block }]
    }
    case 'told':
      return [{ kind: 'text', text: part.text, ...keepTold(part.raw) }]
    default:
      return [{ kind: 'opaque', protocol: PROTOCOL, raw: block }]
  }
}
