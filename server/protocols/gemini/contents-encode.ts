// Items as `contents`: turns of one role merged, after every turn with calls exactly as many responses in their order,
// and reasoning state where the API looks for it.
import type { CallItem, Item, ReasoningItem, ResultItem } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import type { JsonObject } from '../read.ts'
import type { ToolNames } from '../tool-names.ts'
import { GEMINI } from './fields.ts'
import { writeMedia } from './media.ts'
import { argsOf, withSignature, writeCall, writeOpaque, writeText } from './parts.ts'
import { writeResult } from './results.ts'
import { isOwnSignature, NO_SIGNATURE } from './signature.ts'

interface Content {
  readonly role: 'user' | 'model'
  readonly parts: JsonObject[]
  /** Calls of this turn, to be answered by the next. */
  readonly calls: CallItem[]
}

const NO_RESULT = 'No result was given for this call.'

export function writeContents(items: readonly Item[], names: ToolNames, encoding: RequestEncoding): JsonObject[] {
  const results = matchResults(items)
  const contents: Content[] = []
  const answered = (content: Content): void => {
    const turn: Content = { role: 'user', parts: [], calls: [] }
    answerCalls(content.calls, results, turn, names, encoding)
    contents.push(turn)
  }
  const turnOf = (role: Content['role']): Content => {
    let last = contents.at(-1)
    // What follows calls follows their results.
    if (last && last.calls.length > 0 && role === 'user') {
      answered(last)
      last = contents.at(-1)
    }
    if (last?.role === role) return last
    const next: Content = { role, parts: [], calls: [] }
    contents.push(next)
    return next
  }

  for (const [index, item] of items.entries()) {
    if (item.kind === 'result') {
      if (!results.matched.has(item)) writeOrphan(item, turnOf('user'), names, encoding)
      else if ((contents.at(-1)?.calls.length ?? 0) > 0) turnOf('user')
      continue
    }
    if (item.kind === 'call' || item.kind === 'reasoning' || item.kind === 'refusal' || roleOf(item) === 'model') {
      writeModelItem(item, items, index, turnOf, names, encoding)
    } else for (const part of writeUserItem(item, encoding)) turnOf('user').parts.push(part)
  }
  for (const content of contents) markFirstCall(content, encoding)
  return contents.filter(({ parts }) => parts.length > 0).map(({ role, parts }) => ({ role, parts }))
}

interface Results {
  readonly byCall: ReadonlyMap<CallItem, ResultItem>
  /** Results that answer a call. */
  readonly matched: ReadonlySet<Item>
}

/** Every result finds the latest call of its id before it; ids may come again in later turns. */
function matchResults(items: readonly Item[]): Results {
  const latest = new Map<string, CallItem>()
  const byCall = new Map<CallItem, ResultItem>()
  const matched = new Set<Item>()
  for (const item of items) {
    if (item.kind === 'call') latest.set(item.id, item)
    if (item.kind !== 'result') continue
    const call = latest.get(item.callId)
    if (!call) continue
    matched.add(item)
    byCall.set(call, item)
  }
  return { byCall, matched }
}

function answerCalls(
  calls: readonly CallItem[],
  results: Results,
  turn: Content,
  names: ToolNames,
  encoding: RequestEncoding,
): void {
  const beside: JsonObject[] = []
  for (const call of calls) {
    const missing = { parts: [{ kind: 'text' as const, text: NO_RESULT }], isError: true }
    const given = results.byCall.get(call)
    if (!given) encoding.losses.approximate('tool_result', 'a call without a result was given an error as its result')
    const result = given ?? missing
    const { part, siblings } = writeResult(result, call.id, names.wireName(call.name, call.namespace), encoding)
    turn.parts.push(part)
    beside.push(...siblings)
    if ('cache' in result && result.cache) dropCache(encoding)
  }
  turn.parts.push(...beside)
}

function writeOrphan(item: ResultItem, turn: Content, names: ToolNames, encoding: RequestEncoding): void {
  const { part, siblings } = writeResult(item, item.callId, names.wireName(item.name ?? 'unknown'), encoding)
  turn.parts.push(part, ...siblings)
  if (item.cache) dropCache(encoding)
}

function writeModelItem(
  item: Item,
  items: readonly Item[],
  index: number,
  turnOf: (role: Content['role']) => Content,
  names: ToolNames,
  encoding: RequestEncoding,
): void {
  if (item.cache) dropCache(encoding)
  if (item.kind === 'call') {
    const before = items[index - 1]
    const turn = turnOf('model')
    turn.parts.push(writeHistoryCall(item, before, names, encoding))
    turn.calls.push(item)
    return
  }
  const own = item.signature && isOwnSignature(item.signature, encoding) ? item.signature.value : undefined
  const part = writeModelPart(item, items[index + 1], own, encoding)
  if (part) turnOf('model').parts.push({ ...part, ...item.extra?.[GEMINI] })
}

function writeHistoryCall(
  item: CallItem,
  before: Item | undefined,
  names: ToolNames,
  encoding: RequestEncoding,
): JsonObject {
  const own = item.signature && isOwnSignature(item.signature, encoding) ? item.signature.value : undefined
  const slot = own ?? (before?.kind === 'reasoning' ? stateFor(before, item, encoding) : undefined)
  const args = argsOf(item.argsText, item.style, encoding.losses)
  const call = writeCall({ id: item.id, name: names.wireName(item.name, item.namespace), args }, item.extra)
  return withSignature(call, slot)
}

function writeModelPart(
  item: Item,
  next: Item | undefined,
  own: string | undefined,
  encoding: RequestEncoding,
): JsonObject | null {
  switch (item.kind) {
    case 'reasoning': {
      // State of another account says nothing here, and its thoughts are not ours to repeat.
      if (item.signature && own === undefined) {
        if (item.text !== '') encoding.losses.drop('thoughts', 'they belong to another provider or account')
        return null
      }
      const moved = next?.kind === 'call' && stateFor(item, next, encoding) !== undefined
      const slot = moved ? undefined : own
      if (item.text === '' && slot === undefined) return null
      return withSignature(writeText(item.text, item.text !== ''), slot)
    }
    case 'text':
    case 'refusal':
      if (item.kind === 'text' && item.citations)
        encoding.losses.drop('citations', 'texts that are given back have none')
      return item.text === '' && own === undefined ? null : withSignature(writeText(item.text), own)
    case 'media':
      reportMedia(item, encoding)
      return withSignature(writeMedia(item, false), own)
    case 'opaque': {
      const part = writeOpaque(item, encoding.losses)
      return part && withSignature(part, own)
    }
    default:
      return null
  }
}

/** State in front of a call that has none of its own is the call's: dialects without a slot on calls keep it there. */
function stateFor(before: ReasoningItem, call: CallItem, encoding: RequestEncoding): string | undefined {
  if (!before.signature || call.signature || before.turn !== call.turn) return undefined
  return isOwnSignature(before.signature, encoding) ? before.signature.value : undefined
}

function writeUserItem(item: Item, encoding: RequestEncoding): JsonObject[] {
  if (item.cache) dropCache(encoding)
  const extra = item.extra?.[GEMINI]
  switch (item.kind) {
    case 'text': {
      if (item.text === '') return []
      const reminder = item.role === 'system' || item.role === 'developer'
      if (reminder) encoding.losses.approximate('system', 'in mid-conversation it is said as a reminder')
      const text = reminder ? `<system-reminder>\n${item.text}\n</system-reminder>` : item.text
      return [{ ...writeText(text), ...extra }]
    }
    case 'media':
      reportMedia(item, encoding)
      return [{ ...writeMedia(item, false), ...extra }]
    case 'opaque': {
      const part = writeOpaque(item, encoding.losses)
      return part ? [part] : []
    }
    default:
      return []
  }
}

function reportMedia(item: Item & { kind: 'media' }, { losses }: RequestEncoding): void {
  if (item.name !== undefined) losses.drop('filename', 'files have no names here')
  if (item.detail !== undefined && item.detail !== 'auto') losses.drop('image_detail', 'the provider has no such field')
}

/** The API checks the first call of a turn only; where its state was lost, it takes a stand-in. */
function markFirstCall(content: Content, { profile }: RequestEncoding): void {
  if (!profile.needsThoughtSignature || content.role !== 'model') return
  const at = content.parts.findIndex((part) => part['functionCall'] !== undefined)
  const first = content.parts[at]
  if (first && first['thoughtSignature'] === undefined) {
    content.parts[at] = withSignature(first, NO_SIGNATURE)
  }
}

function dropCache({ losses }: RequestEncoding): void {
  losses.drop('cache_control', 'the provider caches by itself')
}

function roleOf(item: Item): 'user' | 'model' {
  return 'role' in item && item.role === 'assistant' ? 'model' : 'user'
}
