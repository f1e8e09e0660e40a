// A Responses stream as events of the middle model. What the deltas left out is taken from the item when it is done, so
// a server that sends only whole items, or whole arguments, loses nothing. What the stream says after its end, and
// events nobody knows, are not heard.
import type { Citation, Item, PartMeta, Signature, StreamEvent } from '../canonical.ts'
import type { ResponseDecoding, StreamDecoder } from '../codec.ts'
import { decodeOpenaiError } from '../openai-error.ts'
import { createPartSequencer, type PartSequencer } from '../part-sequencer.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import { BROKEN_OFF, readEventData, UNREADABLE } from '../stream-data.ts'
import type { SseEvent } from '../../kernel/sse.ts'
import { decodeCall, decodeCitation, decodeOutputItem, listOf, phaseOf, SUMMARY_SEPARATOR } from './parts.ts'
import { decodeFinish, decodeHead, sealedBy } from './response.ts'
import { readResponsesUsage } from './usage.ts'

interface Streamed {
  text: string
  citations: number
  /** Last part of a summary that said something. */
  summaryIndex: number
}

interface Reading {
  readonly decoding: ResponseDecoding
  readonly sequencer: PartSequencer
  readonly parts: Map<string, Streamed>
  /** Items by `output_index`, as they were announced. */
  readonly items: Map<number, JsonObject>
  /** The `content_index`es of a message that were named: some servers leave numbers out, so only their order counts. */
  readonly contents: Map<number, Set<number>>
  readonly done: Set<number>
  readonly kinds: Set<Item['kind']>
  started: boolean
  over: boolean
}

export function createStreamDecoder(decoding: ResponseDecoding): StreamDecoder {
  const reading: Reading = {
    decoding,
    sequencer: createPartSequencer(),
    parts: new Map(),
    items: new Map(),
    contents: new Map(),
    done: new Set(),
    kinds: new Set(),
    started: false,
    over: false,
  }
  return {
    push(event) {
      if (reading.over) return []
      const data = readEventData(event)
      if (data === null) return []
      if (data !== 'unreadable') return readEvent(reading, asText(data['type']) ?? event.event ?? '', data, event)
      reading.over = true
      return [UNREADABLE]
    },
    end() {
      if (reading.over) return []
      reading.over = true
      return [BROKEN_OFF]
    },
  }
}

function readEvent(reading: Reading, type: string, data: JsonObject, event: SseEvent): StreamEvent[] {
  switch (type) {
    case 'response.created':
    case 'response.queued':
    case 'response.in_progress':
      return start(reading, asObject(data['response']))
    case 'response.completed':
    case 'response.incomplete':
      return finish(reading, asObject(data['response']) ?? {}, type)
    case 'response.failed':
      return fail(reading, JSON.stringify({ error: asObject(asObject(data['response'])?.['error']) ?? {} }))
    case 'error':
      return fail(reading, event.data)
    default: {
      const index = asCount(data['output_index'])
      if (index === null) return []
      readItemEvent(reading, type, data, index)
      return reading.sequencer.take()
    }
  }
}

function start(reading: Reading, response: JsonObject | null): StreamEvent[] {
  if (reading.started || !response) return []
  reading.started = true
  return [{ type: 'response-start', ...decodeHead(response) }]
}

function finish(reading: Reading, response: JsonObject, type: string): StreamEvent[] {
  const events = start(reading, response)
  reading.over = true
  if (reading.items.size === 0 && reading.done.size === 0) {
    for (const [index, item] of listOf(response['output']).entries()) finishItem(reading, index, asObject(item))
  }
  for (const index of reading.items.keys()) if (!reading.done.has(index)) endParts(reading, index)
  reading.sequencer.endAll()
  const status = type === 'response.incomplete' ? 'incomplete' : 'completed'
  const kinds = [...reading.kinds].map((kind) => ({ kind }))
  reading.decoding.onUsage?.(asObject(response['usage']))
  return [
    ...events,
    ...reading.sequencer.take(),
    {
      type: 'usage',
      usage: readResponsesUsage(response['usage'], response['tool_usage'], response['service_tier']),
    },
    { type: 'finish', finish: decodeFinish({ ...response, status: asText(response['status']) ?? status }, kinds) },
  ]
}

const STATUSES: readonly (readonly [RegExp, number])[] = [
  [/rate_limit|insufficient_quota|usage_limit/, 429],
  [/overloaded|slow_down|unavailable/, 503],
  [/context_length|invalid_|image_|too_large|too_small|unsupported|policy/, 400],
]

function fail(reading: Reading, body: string): StreamEvent[] {
  reading.over = true
  const { signals, message, retryAfterMs } = decodeOpenaiError(200, body)
  const status = STATUSES.find(([pattern]) => signals.some((signal) => pattern.test(signal)))?.[1] ?? 502
  return [{ type: 'error', error: { status, signals, message, retryAfterMs } }]
}

const CONTENT_EVENTS: ReadonlySet<string> = new Set([
  'response.content_part.added',
  'response.output_text.delta',
  'response.refusal.delta',
  'response.output_text.annotation.added',
])

function noteContent({ contents }: Reading, index: number, contentIndex: number): void {
  const noted = contents.get(index) ?? new Set()
  contents.set(index, noted.add(contentIndex))
}

function readItemEvent(reading: Reading, type: string, data: JsonObject, index: number): void {
  const delta = asText(data['delta'])
  const contentIndex = asCount(data['content_index']) ?? 0
  const content = `${index}:${contentIndex}`
  if (CONTENT_EVENTS.has(type)) noteContent(reading, index, contentIndex)
  switch (type) {
    case 'response.output_item.added':
      return announceItem(reading, index, asObject(data['item']))
    case 'response.output_item.done':
      return finishItem(reading, index, asObject(data['item']))
    case 'response.output_text.delta':
      return addText(reading, content, textMeta(reading, index, 'text'), delta)
    case 'response.refusal.delta':
      return addText(reading, content, textMeta(reading, index, 'refusal'), delta)
    case 'response.output_text.annotation.added':
      return addCitation(reading, content, index, data['annotation'])
    case 'response.content_part.done':
      return finishContentPart(reading, content, index, asObject(data['part']))
    case 'response.reasoning_summary_text.delta':
      return addSummary(reading, index, asCount(data['summary_index']) ?? 0, delta)
    case 'response.reasoning_text.delta':
      return addText(reading, `${index}:plain`, { kind: 'reasoning' }, delta)
    case 'response.function_call_arguments.delta':
    case 'response.custom_tool_call_input.delta':
      return addArguments(reading, index, delta)
  }
}

function textMeta({ items }: Reading, index: number, kind: 'text' | 'refusal'): PartMeta {
  return { kind, ...phaseOf(items.get(index) ?? {}) }
}

function addText(reading: Reading, key: string, meta: PartMeta, delta: string | null): void {
  const { sequencer, parts, kinds } = reading
  let part = parts.get(key)
  if (!part) {
    part = { text: '', citations: 0, summaryIndex: 0 }
    parts.set(key, part)
    kinds.add(meta.kind)
    sequencer.start(key, meta)
  }
  if (delta === null || delta === '') return
  part.text += delta
  const kind = meta.kind === 'call' ? 'args' : meta.kind === 'media' || meta.kind === 'opaque' ? 'text' : meta.kind
  sequencer.delta(key, { kind, text: delta })
}

function addSummary(reading: Reading, index: number, summaryIndex: number, delta: string | null): void {
  if (delta === null || delta === '') return
  const key = `${index}:summary`
  const before = reading.parts.get(key)
  const isNew = before !== undefined && before.summaryIndex !== summaryIndex
  addText(reading, key, { kind: 'reasoning', summary: true }, isNew ? SUMMARY_SEPARATOR + delta : delta)
  reading.parts.get(key)!.summaryIndex = summaryIndex
}

function addCitation(reading: Reading, key: string, index: number, annotation: unknown): void {
  addText(reading, key, textMeta(reading, index, 'text'), null)
  const part = reading.parts.get(key)!
  part.citations++
  reading.sequencer.delta(key, { kind: 'citation', citation: decodeCitation(annotation) })
}

function addArguments(reading: Reading, index: number, delta: string | null): void {
  const announced = reading.items.get(index)
  if (announced) addText(reading, String(index), callMeta(reading, announced), delta)
}

function callMeta({ decoding }: Reading, raw: JsonObject): PartMeta {
  return metaOf(decodeCall(raw, 0, decoding.restoreTool))
}

function announceItem(reading: Reading, index: number, raw: JsonObject | null): void {
  if (!raw || reading.items.has(index)) return
  reading.items.set(index, raw)
  const isCall = raw['type'] === 'function_call' || raw['type'] === 'custom_tool_call'
  // A call without a name is begun when it is done and has one.
  if (isCall && asText(raw['name'])) addText(reading, String(index), callMeta(reading, raw), null)
}

// The text of a part ends here, its annotations too: what comes of the next part need not wait.
function finishContentPart(reading: Reading, key: string, index: number, part: JsonObject | null): void {
  const announced = reading.items.get(index)
  if (!part || announced?.['type'] !== 'message') return
  const [item] = decodeItem(reading, { ...announced, content: [part] })
  if (item) completePart(reading, key, item)
}

function decodeItem({ decoding }: Reading, raw: JsonObject): Item[] {
  return decodeOutputItem(raw, (item): Signature | undefined => sealedBy(item, decoding), decoding.restoreTool)
}

function finishItem(reading: Reading, index: number, raw: JsonObject | null): void {
  if (!raw || reading.done.has(index)) return
  reading.done.add(index)
  const announced = reading.items.get(index)
  if (!announced) reading.items.set(index, raw)
  for (const [at, item] of decodeItem(reading, raw).entries())
    completePart(reading, keyOf(reading, index, at, item), item)
  endParts(reading, index)
}

function keyOf({ contents }: Reading, index: number, at: number, item: Item): string {
  if (item.kind === 'reasoning') return item.summary ? `${index}:summary` : `${index}:plain`
  if (item.kind === 'call') return String(index)
  const named = [...(contents.get(index) ?? [])].sort((one, other) => one - other)
  return `${index}:${named[at] ?? `last${at}`}`
}

/** Ends the parts of an item that are still open: it is done, or the answer is. */
function endParts({ parts, sequencer }: Reading, index: number): void {
  for (const key of parts.keys()) if (key === String(index) || key.startsWith(`${index}:`)) sequencer.end(key)
}

/** Says what of a finished part was not said yet, and ends it. */
function completePart(reading: Reading, key: string, item: Item): void {
  const { sequencer, parts } = reading
  addText(reading, key, metaOf(item), null)
  const part = parts.get(key)!
  const text = 'text' in item ? item.text : item.kind === 'call' ? item.argsText : ''
  if (text.startsWith(part.text)) addText(reading, key, metaOf(item), text.slice(part.text.length))
  for (const citation of missingCitations(item, part.citations)) sequencer.delta(key, { kind: 'citation', citation })
  if (item.signature) sequencer.delta(key, { kind: 'signature', signature: item.signature })
  sequencer.end(key)
}

function missingCitations(item: Item, said: number): readonly Citation[] {
  return item.kind === 'text' ? (item.citations ?? []).slice(said) : []
}

function metaOf(item: Item): PartMeta {
  switch (item.kind) {
    case 'text':
    case 'refusal':
      return { kind: item.kind, ...(item.extra ? { extra: item.extra } : {}) }
    case 'reasoning':
      return { kind: 'reasoning', ...(item.summary ? { summary: true } : {}) }
    case 'call': {
      const { id, name, namespace, style, extra } = item
      const space = namespace === undefined ? {} : { namespace }
      return { kind: 'call', id, name, ...space, style, ...(extra ? { extra } : {}) }
    }
    case 'opaque':
      return { kind: 'opaque', protocol: item.protocol, raw: item.raw }
    case 'media':
      return { kind: 'media', media: item.media, source: item.source }
    case 'result':
      return { kind: 'text' }
  }
}
