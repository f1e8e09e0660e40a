// A client's `input` as items of the middle model. Calls, reasoning and texts of one turn of the assistant share a turn
// number, as do results that follow each other; each message of anyone else is a turn of its own.
import type { Instruction, Item, ReasoningItem, ResultItem, ResultPart, Role, Signature } from '../canonical.ts'
import { CannotCross, type RequestDecoding } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { decodeCacheMark, decodeMediaPart, OWN } from './media.ts'
import { decodeCall, decodeContentPart, decodeReasoning, listOf, opaqueMessage, phaseOf } from './parts.ts'
import { decodeTools, type Declared } from './tools.ts'

export interface Input extends Declared {
  readonly instructions: Instruction[]
  readonly items: Item[]
}

const ENVELOPE = 'urs1.'
/** Begins the ids of reasoning items we make up: nothing is stored under them. */
export const OWN_REASONING_ID = 'rs_ur_'

type Side = 'message' | 'assistant' | 'result' | 'other' | null

interface Reader extends Input {
  readonly decoding: RequestDecoding
  turn: number
  side: Side
  /** State of another dialect that hangs on the call or text beside it. */
  pending: ReasoningItem | null
  /** Of the tools: those of the first `read` of them. */
  readonly names: { readonly known: Set<string>; read: number }
}

/** `declared`: the tools that stand up front, to which the input may add. */
export function decodeInput(input: unknown, declared: Declared, decoding: RequestDecoding): Input {
  const reader: Reader = {
    instructions: [],
    items: [],
    tools: [...declared.tools],
    builtins: [...declared.builtins],
    decoding,
    turn: -1,
    side: null,
    pending: null,
    names: { known: new Set(), read: 0 },
  }
  if (typeof input === 'string') {
    reader.items.push({ turn: 0, kind: 'text', role: 'user', text: input })
    return reader
  }
  if (input !== undefined && input !== null && !Array.isArray(input)) {
    throw new CannotCross('input', '`input` must be a text or a list of items.', 'bad_request')
  }
  for (const entry of listOf(input)) {
    const raw = asObject(entry)
    if (!raw) throw new CannotCross('input', 'Each item of `input` must be an object.', 'bad_request')
    readItem(reader, raw)
  }
  settlePending(reader)
  return reader
}

function readItem(reader: Reader, raw: JsonObject): void {
  const type = asText(raw['type']) ?? (raw['role'] === undefined ? 'item_reference' : 'message')
  const isCall = type === 'function_call' || type === 'custom_tool_call'
  if (!isCall) settlePending(reader)
  switch (type) {
    case 'message':
      return readMessage(reader, raw)
    case 'function_call':
    case 'custom_tool_call':
      return readCall(reader, raw)
    case 'function_call_output':
    case 'custom_tool_call_output':
      return void reader.items.push(decodeResult(raw, nextTurn(reader, 'result')))
    case 'reasoning':
      return readReasoning(reader, raw)
    case 'additional_tools': {
      const { tools, builtins } = decodeTools(raw['tools'], reader.items.length)
      reader.tools.push(...tools)
      reader.builtins.push(...builtins)
      return
    }
    default: {
      if (type === 'tool_search_output') readFoundTools(reader, raw)
      const answers = /_(?:output|response)$/.test(type)
      const turn = nextTurn(reader, answers ? 'result' : 'assistant')
      reader.items.push({
        turn,
        kind: 'opaque',
        protocol: OWN,
        role: answers ? 'user' : 'assistant',
        raw: { ...raw, type },
      })
    }
  }
}

function nextTurn(reader: Reader, side: Exclude<Side, null>): number {
  const { side: before } = reader
  const goesOn =
    side === 'assistant'
      ? before === 'assistant' || before === 'message'
      : side === 'message'
        ? before === 'assistant'
        : side === 'result' && before === 'result'
  if (!goesOn) reader.turn++
  reader.side = side
  return reader.turn
}

function readMessage(reader: Reader, raw: JsonObject): void {
  const role = asText(raw['role'])
  if (role !== 'user' && role !== 'assistant' && role !== 'system' && role !== 'developer') {
    throw new CannotCross('input', 'A message must have the role user, assistant, system or developer.', 'bad_request')
  }
  const content = raw['content']
  const parts = typeof content === 'string' ? [{ type: 'input_text', text: content }] : listOf(content)
  if (reader.items.length === 0 && (role === 'system' || role === 'developer') && parts.every(isText)) {
    for (const part of parts) {
      reader.instructions.push({ role, text: asText(part['text']) ?? '', ...decodeCacheMark(part) })
    }
    return
  }
  const turn = nextTurn(reader, role === 'assistant' ? 'message' : 'other')
  for (const part of parts) reader.items.push(decodeMessagePart(raw, asObject(part) ?? {}, role, turn))
}

function isText(value: unknown): value is JsonObject {
  return ['input_text', 'text', 'output_text'].includes(asText(asObject(value)?.['type']) ?? '')
}

function decodeMessagePart(message: JsonObject, part: JsonObject, role: Role, turn: number): Item {
  const base = { turn, ...decodeCacheMark(part), ...(role === 'assistant' ? phaseOf(message) : {}) }
  if (role === 'assistant') {
    const said = decodeContentPart(part, base)
    if (said) return said
  }
  if (isText(part)) return { ...base, kind: 'text', role, text: asText(part['text']) ?? '' }
  const media = decodeMediaPart(part)
  if (!media) return opaqueMessage(message, part, turn)
  return { ...base, kind: 'media', role, ...media }
}

function readCall(reader: Reader, raw: JsonObject): void {
  const signature = reader.pending?.signature
  const turn = nextTurn(reader, 'assistant')
  if (signature) reader.pending = null
  reader.items.push({ ...decodeCall(raw, turn), ...(signature ? { signature } : {}) })
}

function readReasoning(reader: Reader, raw: JsonObject): void {
  const turn = nextTurn(reader, 'assistant')
  const items = decodeReasoning(raw, decodeSignature(raw, reader.decoding), turn)
  const last = items.at(-1)
  if (last?.text === '' && last.signature?.kind === 'thought') reader.pending = last
  else reader.items.push(...items)
}

// State that no call came for hangs on the text before it, or stands alone.
function settlePending(reader: Reader): void {
  const { pending, items } = reader
  if (!pending) return
  reader.pending = null
  const before = items.at(-1)
  const fits = before?.turn === pending.turn && (before.kind === 'text' || before.kind === 'call')
  if (fits && !before.signature && pending.signature)
    items[items.length - 1] = { ...before, signature: pending.signature }
  else items.push(pending)
}

function decodeSignature(raw: JsonObject, { openEnvelope, losses }: RequestDecoding): Signature | undefined {
  const value = asText(raw['encrypted_content']) ?? ''
  const id = asText(raw['id'])
  if (value.startsWith(ENVELOPE)) {
    const opened = openEnvelope(value)
    if (!opened) losses.drop('reasoning_state', 'it was not sealed here, or for someone else')
    return opened ?? undefined
  }
  const native = { provider: '', account: '', model: '', kind: 'encrypted', value } as const
  const stored = id !== null && !id.startsWith(OWN_REASONING_ID)
  if (value === '' && !stored) return undefined
  return stored ? { ...native, id } : native
}

function decodeResult(raw: JsonObject, turn: number): ResultItem {
  const callId = asText(raw['call_id'])
  if (callId === null || callId === '') {
    throw new CannotCross('input', 'Each output of a call must name it by `call_id`.', 'bad_request')
  }
  const { output } = raw
  if (typeof output !== 'string' && !Array.isArray(output)) {
    throw new CannotCross('input', `The output of call "${callId}" must be a text or a list of parts.`, 'bad_request')
  }
  const name = asText(raw['name'])
  const parts: unknown[] = typeof output === 'string' ? [{ type: 'input_text', text: output }] : output
  const marked = parts.map(asObject).find((part) => part !== null && asObject(part['prompt_cache_breakpoint']))
  const caller = asObject(raw['caller'])
  return {
    turn,
    kind: 'result',
    callId,
    ...(name === null ? {} : { name }),
    parts: parts.map(decodeResultPart),
    isError: false,
    style: raw['type'] === 'custom_tool_call_output' ? 'freeform' : 'json',
    ...(marked ? decodeCacheMark(marked) : {}),
    ...(caller ? { extra: { [OWN]: { caller } } } : {}),
  }
}

function decodeResultPart(value: unknown): ResultPart {
  const part = asObject(value) ?? {}
  if (isText(part)) return { kind: 'text', text: asText(part['text']) ?? '' }
  const media = decodeMediaPart(part)
  return media ? { kind: 'media', ...media } : { kind: 'opaque', protocol: OWN, raw: value }
}

// Tools that a search brought in are callable from there on; the item itself carries them to its own dialect.
function readFoundTools(reader: Reader, raw: JsonObject): void {
  for (const tool of decodeTools(raw['tools'], reader.items.length).tools) {
    if (isNew(reader, tool)) reader.tools.push(tool)
  }
}

function isNew({ names, tools }: Reader, { name, namespace }: Declared['tools'][number]): boolean {
  for (; names.read < tools.length; names.read++) {
    const known = tools[names.read]!
    names.known.add(toolKey(known.name, known.namespace))
  }
  return !names.known.has(toolKey(name, namespace))
}

/** Names (with their namespaces) of the tools that opaque search results carry. */
export function carriedTools(items: readonly Item[]): Set<string> {
  const names = new Set<string>()
  for (const item of items) {
    const raw = item.kind === 'opaque' && item.protocol === OWN ? asObject(item.raw) : null
    if (raw?.['type'] !== 'tool_search_output') continue
    for (const { name, namespace } of decodeTools(raw['tools']).tools) names.add(toolKey(name, namespace))
  }
  return names
}

export function toolKey(name: string, namespace: string | undefined): string {
  return `${namespace ?? ''}\n${name}`
}
