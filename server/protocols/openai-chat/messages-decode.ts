// A conversation as items: leading system texts apart, then one item for each thought, text, picture, call and result.
import { FirstByKey } from '../../kernel/first-by-key.ts'
import type { CallItem, Instruction, Item, ResultItem, ResultPart, Signature } from '../canonical.ts'
import { CannotCross, type RequestDecoding } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { cached, readCache } from './cache.ts'
import { callItem, readCallPiece, readThought } from './calls.ts'
import { readAnnotations } from './citations.ts'
import { asObjects, CHAT, extraOf, isEmpty, missingCallId, restOf } from './names.ts'
import { addToText, itemOfPart, readContent, type Part } from './parts.ts'
import { readThoughts, reasoningItem, type OpenState } from './reasoning.ts'
import { MESSAGE_FIELDS } from './request-shape.ts'

export interface Conversation {
  readonly instructions: readonly Instruction[]
  readonly items: readonly Item[]
}

const KNOWN_FIELDS: ReadonlyMap<unknown, ReadonlySet<string>> = new Map(
  Object.entries(MESSAGE_FIELDS).map(([role, table]) => [role, new Set(Object.keys(table))]),
)

export function decodeMessages(messages: readonly JsonObject[], decoding: RequestDecoding): Conversation {
  const instructions: Instruction[] = []
  const items: Item[] = []
  const reader = createMessageReader(decoding)
  for (const [turn, message] of messages.entries()) {
    const role = message['role']
    // A name makes a system message an example in the conversation.
    const leading = items.length === 0 && (role === 'system' || role === 'developer') && message['name'] == null
    if (leading) instructions.push(...readInstructions(message, role))
    else items.push(...reader.read(message, turn))
  }
  return { instructions, items }
}

function readInstructions(message: JsonObject, role: 'system' | 'developer'): Instruction[] {
  const instructions: Instruction[] = readContent(message['content']).flatMap((part) =>
    part.kind === 'text' ? [{ role, text: part.text, ...cached(part.raw) }] : [],
  )
  const cache = readCache(message)
  const last = instructions.at(-1)
  if (cache && last) instructions[instructions.length - 1] = { ...last, cache }
  return instructions
}

function createMessageReader(decoding: RequestDecoding) {
  const open = stateOpener(decoding)
  const styles = new Map<string, CallItem['style']>()
  const unanswered = new FirstByKey<{ readonly id: string }>()
  let calls = 0

  function readCalls(message: JsonObject, turn: number): CallItem[] {
    const legacy = asObject(message['function_call'])
    const listed: JsonObject[] = asObjects(message['tool_calls'])
    const raws: JsonObject[] = listed.length > 0 || !asText(legacy?.['name']) ? listed : [{ function: legacy }]
    return raws.map((raw) => {
      const piece = readCallPiece(raw)
      const id = piece.id === '' ? missingCallId('', calls) : piece.id
      calls++
      const style = piece.custom ? 'freeform' : 'json'
      const thought = piece.thought ? openThought(piece.thought, open, decoding) : undefined
      styles.set(id, style)
      const kind = raw['function'] === legacy ? 'legacy' : 'listed'
      unanswered.add({ id }, [`id ${id}`, kind, `${kind} ${piece.name}`])
      return callItem(piece, { turn, id, tool: { name: piece.name, style }, signature: thought, raw })
    })
  }

  function readAssistant(message: JsonObject, turn: number): Item[] {
    const items: Item[] = readThoughts(message, open).map((thought) => reasoningItem(thought, turn))
    items.push(...readContent(message['content']).map((part) => itemOfPart(part, 'assistant', turn)))
    const refusal = asText(message['refusal'])
    if (refusal) items.push({ kind: 'refusal', turn, text: refusal })
    const thought = readThought(message)
    const signature = thought ? openThought(thought, open, decoding) : undefined
    addToText(items, readAnnotations(message['annotations']), signature, turn)
    items.push(...readCalls(message, turn))
    return items
  }

  /** The call that a result without an id answers: the first unanswered one of its name. */
  function takeCall(id: string | null, name: string | null, legacy: boolean): string {
    const kind = legacy ? 'legacy' : 'listed'
    const call = unanswered.take(id ? `id ${id}` : name === null ? kind : `${kind} ${name}`)
    return id || call?.id || ''
  }

  function readResult(message: JsonObject, turn: number): ResultItem {
    const legacy = message['role'] === 'function'
    const name = asText(message['name'])
    const callId = takeCall(legacy ? null : asText(message['tool_call_id']), name, legacy)
    const parts = readContent(message['content'])
    const cache = readCache(message) ?? parts.map((part) => readCache('raw' in part ? part.raw : {})).find(Boolean)
    return {
      kind: 'result',
      turn,
      callId,
      ...(name === null ? {} : { name }),
      parts: parts.map(resultPart),
      isError: message['is_error'] === true,
      style: styles.get(callId) ?? 'json',
      ...(cache ? { cache } : {}),
    }
  }

  function readItems(message: JsonObject, turn: number): Item[] {
    const role = message['role']
    switch (role) {
      case 'user':
      case 'system':
      case 'developer':
        return readContent(message['content']).map((part) => itemOfPart(part, role, turn))
      case 'assistant':
        return readAssistant(message, turn)
      case 'tool':
      case 'function':
        return [readResult(message, turn)]
      default:
        throw new CannotCross(
          `messages[${turn}].role`,
          `The role of message ${turn} must be system, developer, user, assistant or tool.`,
          'bad_request',
        )
    }
  }

  return {
    read(message: JsonObject, turn: number): Item[] {
      const items = readItems(message, turn)
      const cache = readCache(message)
      const last = items.at(-1)
      if (cache && last) items[items.length - 1] = { ...last, cache }
      const fields = restOf(message, KNOWN_FIELDS.get(message['role'])!)
      // What an assistant did not say in words is a message all the same (`audio`).
      if (items.length === 0 && message['role'] === 'assistant' && !isEmpty(fields)) {
        items.push({ kind: 'text', turn, role: 'assistant', text: '' })
      }
      const first = items[0]
      if (first && !isEmpty(fields)) items[0] = { ...first, ...extraOf(fields) }
      return items
    },
  }
}

function resultPart(part: Part): ResultPart {
  switch (part.kind) {
    case 'text':
    case 'refusal':
    case 'thinking':
      return { kind: 'text', text: part.text }
    case 'media':
      return { kind: 'media', ...part.media }
    case 'opaque':
      return { kind: 'opaque', protocol: CHAT, raw: part.raw }
  }
}

/** State in a client's slots: ours is opened, another vendor's own is kept for a server of this dialect. */
function stateOpener(decoding: RequestDecoding): OpenState {
  return (value, slot) => {
    if (!value.startsWith('urs1.')) return { provider: CHAT, account: '', model: '', value, ...slot }
    const opened = decoding.openEnvelope(value)
    if (!opened) decoding.losses.drop('reasoning_state', 'the envelope cannot be opened here')
    return opened ?? undefined
  }
}

// A native value in Google's slot is Google's own.
function openThought(value: string, open: OpenState, { losses }: RequestDecoding): Signature | undefined {
  if (value === 'skip_thought_signature_validator') return undefined
  const opened = open(value, { kind: 'thought' })
  if (!opened) losses.drop('reasoning_state', 'the envelope cannot be opened here')
  return opened?.provider === CHAT ? { ...opened, provider: '' } : opened
}
