// The conversation as `input`. Leading system texts become one developer message with a part for each, so that cache
// breakpoints keep their places; parts of one message of the client stay one message.
import type {
  CallItem,
  ChatRequest,
  Instruction,
  Item,
  MediaItem,
  OpaqueItem,
  ReasoningItem,
  RefusalItem,
  ResultItem,
  Role,
  TextItem,
} from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import { asObject, asText } from '../read.ts'
import type { ToolNames } from '../tool-names.ts'
import { encodeCacheMark, encodeMediaPart, OWN } from './media.ts'
import { encodeCitation, isCutShort } from './parts.ts'

type Wire = Record<string, unknown>
type Said = TextItem | MediaItem | RefusalItem

const LONGEST_CALL_ID = 64

interface Writer {
  readonly input: Wire[]
  readonly names: ToolNames
  readonly encoding: RequestEncoding
  readonly freeform: ReadonlySet<string>
  /** Where the last result of a call stands. */
  readonly lastResults: ReadonlyMap<string, number>
  /** How far calls were looked at for a missing result. */
  filled: number
}

export function encodeInput(
  request: ChatRequest,
  toolsInside: ReadonlyMap<number, Wire[]>,
  names: ToolNames,
  encoding: RequestEncoding,
): Wire {
  const freeform = new Set(
    request.items.flatMap((item) => (item.kind === 'call' && item.style === 'freeform' ? [item.id] : [])),
  )
  const writer: Writer = { input: [], names, encoding, freeform, lastResults: findResults(request.items), filled: 0 }
  const apart = request.instructions.filter(({ forThisCall }) => forThisCall)
  writeInstructions(
    writer,
    request.instructions.filter(({ forThisCall }) => !forThisCall),
  )
  const { items } = request
  const fills = request.extensions[OWN] === undefined
  for (let at = 0; at < items.length;) {
    writeTools(writer, toolsInside.get(at))
    if (fills && goesOn(items[at]!)) fillResults(writer, items, at)
    at = writeFrom(writer, items, at, toolsInside)
  }
  for (const [place, tools] of toolsInside) if (place >= items.length) writeTools(writer, tools)
  return {
    ...(apart.length > 0 ? { instructions: apart.map(({ text }) => text).join('\n\n') } : {}),
    input: writer.input,
  }
}

/** Somebody else speaks again, so calls before it have been answered. */
function goesOn(item: Item): boolean {
  return (item.kind === 'text' || item.kind === 'media') && item.role !== 'assistant'
}

/** The API wants as many results as calls. */
function fillResults(writer: Writer, items: readonly Item[], before: number): void {
  for (let at = writer.filled; at < before; at++) {
    const call = items[at]!
    if (call.kind !== 'call' || (writer.lastResults.get(call.id) ?? -1) > at) continue
    writer.encoding.losses.approximate('tool_result', 'a call without a result was given an error as its result')
    const { turn, id: callId, style } = call
    writeResult(writer, {
      kind: 'result',
      turn,
      callId,
      parts: [{ kind: 'text', text: NO_RESULT }],
      isError: true,
      style,
    })
  }
  writer.filled = before
}

function findResults(items: readonly Item[]): Map<string, number> {
  return new Map(items.flatMap((item, at) => (item.kind === 'result' ? [[item.callId, at] as const] : [])))
}

const NO_RESULT = 'no result was given for this call'

function writeTools({ input, encoding }: Writer, tools: Wire[] | undefined): void {
  if (tools) input.push({ type: 'additional_tools', role: systemRole(encoding), tools })
}

function writeInstructions({ input, encoding }: Writer, instructions: readonly Instruction[]): void {
  const kept = instructions.filter(({ text }) => text !== '')
  if (kept.length === 0) return
  const content = kept.map(({ text, cache }) => ({ type: 'input_text', text, ...encodeCacheMark(cache, encoding) }))
  input.push({ type: 'message', role: systemRole(encoding), content })
}

function systemRole({ profile }: RequestEncoding): string {
  return profile.dialect.developerRole ? 'developer' : 'system'
}

/** Writes the item at `at`, with what belongs to the same message; gives the index behind. */
function writeFrom(
  writer: Writer,
  items: readonly Item[],
  at: number,
  toolsInside: ReadonlyMap<number, Wire[]>,
): number {
  const item = items[at]!
  if (isSaid(item)) {
    let end = at + 1
    while (end < items.length && !toolsInside.has(end) && belongs(items[end]!, item)) end++
    writeMessage(writer, items.slice(at, end) as Said[])
    return end
  }
  const next = items[at + 1]
  if (item.kind === 'reasoning' && next && isOneReasoning(item, next)) {
    writeReasoning(writer, { ...next, text: item.text, summary: true }, next.text)
    return at + 2
  }
  writeItem(writer, item)
  return at + 1
}

function isSaid(item: Item): item is Said {
  return item.kind === 'text' || item.kind === 'media' || item.kind === 'refusal'
}

function belongs(item: Item, first: Said): boolean {
  return isSaid(item) && item.turn === first.turn && roleOf(item) === roleOf(first) && phaseIn(item) === phaseIn(first)
}

// A summary and the plain thoughts of one reasoning item are two items in the middle model.
function isOneReasoning(first: ReasoningItem, second: Item): second is ReasoningItem {
  if (second.kind !== 'reasoning' || second.turn !== first.turn) return false
  return first.summary === true && !first.signature && !second.summary && second.signature?.kind === 'encrypted'
}

function roleOf(item: Said): Role {
  return item.kind === 'refusal' ? 'assistant' : item.role
}

function phaseIn(item: Said): unknown {
  return item.extra?.[OWN]?.['phase']
}

function writeItem(writer: Writer, item: Exclude<Item, Said>): void {
  switch (item.kind) {
    case 'reasoning':
      return writeReasoning(writer, item)
    case 'call':
      return writeCall(writer, item)
    case 'result':
      return writeResult(writer, item)
    case 'opaque':
      return writeOpaque(writer, item)
  }
}

function writeOpaque({ input, encoding: { losses } }: Writer, { protocol, raw: value }: OpaqueItem): void {
  const raw = asObject(value)
  if (protocol === OWN && raw) input.push({ ...raw })
  else losses.drop('provider_items', 'only their own provider can read them')
}

function writeMessage({ input, encoding }: Writer, said: readonly Said[]): void {
  const { losses } = encoding
  const first = said[0]!
  const role = roleOf(first)
  const many = said.some((item) => item.kind === 'media' || item.text !== '')
  const content: Wire[] = []
  const shown: Wire[] = []
  for (const item of said) {
    if (item.signature) losses.drop('reasoning_state', 'another provider holds it')
    if (item.kind === 'media') {
      const part = { ...encodeMediaPart(item, encoding), ...encodeCacheMark(item.cache, encoding) }
      if (role === 'assistant') shown.push(part)
      else content.push(part)
    } else if (item.kind === 'refusal') content.push({ type: 'refusal', refusal: item.text })
    else if (role === 'assistant') content.push(...encodeSpoken(item, encoding))
    else if (item.text !== '' || !many) {
      content.push({ type: 'input_text', text: item.text, ...encodeCacheMark(item.cache, encoding) })
    }
  }
  const phase = phaseIn(first)
  const spoken = role === 'system' || role === 'developer' ? systemRole(encoding) : role
  if (content.length > 0) {
    input.push({ type: 'message', role: spoken, content, ...(phase === undefined ? {} : { phase }) })
  }
  if (shown.length > 0) {
    losses.approximate('assistant_media', 'what the assistant showed is said to come from the user')
    input.push({ type: 'message', role: 'user', content: shown })
  }
}

function encodeSpoken(item: TextItem, { losses }: RequestEncoding): Wire[] {
  if (item.cache) losses.drop('cache_control', "the assistant's texts take no cache breakpoint")
  if (item.text === '') return []
  const annotations = (item.citations ?? []).map(encodeCitation)
  const known = annotations.filter((annotation) => annotation !== null)
  if ((item.citations ?? []).some(isCutShort)) losses.approximate('citations', 'a source is its address and title here')
  if (known.length < annotations.length) losses.drop('citations', 'a source without an address cannot be said')
  return [{ type: 'output_text', text: item.text, ...(known.length > 0 ? { annotations: known } : {}) }]
}

/** `thoughts`: plain text beside a summary. */
function writeReasoning({ input, encoding }: Writer, item: ReasoningItem, thoughts?: string): void {
  const { signature, text } = item
  const summary = item.summary && text !== '' ? [{ type: 'summary_text', text }] : []
  const plain = thoughts ?? (item.summary ? '' : text)
  const content = plain === '' ? {} : { content: [{ type: 'reasoning_text', text: plain }] }
  if (signature && isReadable(item, encoding)) {
    const { id, value } = signature
    const sealed = value === '' ? {} : { encrypted_content: value }
    input.push({ type: 'reasoning', ...(id === undefined ? {} : { id }), summary, ...content, ...sealed })
    return
  }
  if (signature || !encoding.profile.dialect.replayReasoning) {
    encoding.losses.drop('reasoning_state', 'another provider or account holds it')
  }
  if (encoding.profile.dialect.replayReasoning && text !== '') {
    input.push({ type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text }] })
  }
}

// State of no known account came from a client that speaks this dialect to the vendor itself.
function isReadable({ signature }: ReasoningItem, { provider, account }: RequestEncoding): boolean {
  if (signature?.kind !== 'encrypted') return false
  const { provider: maker, account: holder } = signature
  return (maker === '' || maker === provider) && (holder === '' || holder === account)
}

function writeCall({ input, names, encoding }: Writer, item: CallItem): void {
  const { losses } = encoding
  if (item.signature) losses.drop('reasoning_state', 'another provider holds it')
  if (item.cache) losses.drop('cache_control', 'calls take no cache breakpoint')
  const said = {
    call_id: fitCallId(item.id, encoding),
    name: item.namespace === undefined ? names.wireName(item.name) : item.name,
    ...(item.namespace === undefined ? {} : { namespace: item.namespace }),
  }
  const extra = item.extra?.[OWN] ?? {}
  if (item.style === 'freeform') input.push({ type: 'custom_tool_call', ...said, input: item.argsText, ...extra })
  else input.push({ type: 'function_call', ...said, arguments: item.argsText === '' ? '{}' : item.argsText, ...extra })
}

function fitCallId(id: string, { hash8 }: RequestEncoding): string {
  return id.length <= LONGEST_CALL_ID ? id : `${id.slice(0, LONGEST_CALL_ID - 9)}_${hash8(id)}`
}

function writeResult({ input, encoding, freeform }: Writer, item: ResultItem): void {
  const parts = encodeResultParts(item, encoding)
  const mark = encodeCacheMark(item.cache, encoding)
  const last = parts.at(-1)
  if (last && Object.keys(mark).length > 0) parts[parts.length - 1] = { ...last, ...mark }
  const only = parts.length === 1 && Object.keys(mark).length === 0 ? asText(parts[0]!['text']) : null
  const isFreeform = item.style === 'freeform' || freeform.has(item.callId)
  input.push({
    type: isFreeform ? 'custom_tool_call_output' : 'function_call_output',
    call_id: fitCallId(item.callId, encoding),
    output: parts.length === 0 ? '' : (only ?? parts),
    ...item.extra?.[OWN],
  })
}

function encodeResultParts(item: ResultItem, encoding: RequestEncoding): Wire[] {
  const parts: Wire[] = []
  for (const part of item.parts) {
    if (part.kind === 'text') parts.push({ type: 'input_text', text: part.text })
    else if (part.kind === 'media') parts.push(encodeMediaPart(part, encoding))
    else {
      const raw = asObject(part.raw)
      // A tool that a search named: all tools are declared here, so its name is all there is to tell.
      const found = raw?.['type'] === 'tool_reference' ? asText(raw['tool_name']) : null
      if (part.protocol === OWN && raw) parts.push({ ...raw })
      else if (found !== null) parts.push({ type: 'input_text', text: found })
      else encoding.losses.drop('provider_items', 'only their own provider can read them')
    }
  }
  if (!item.isError) return parts
  const first = parts[0]
  if (typeof first?.['text'] === 'string') return [{ ...first, text: `Error: ${first['text']}` }, ...parts.slice(1)]
  return [{ type: 'input_text', text: 'Error: the tool failed' }, ...parts]
}
