// A stream's events as one whole answer. Law: collecting a decoded stream gives what decoding the whole answer gives.
import {
  UNKNOWN_USAGE,
  type ChatResponse,
  type Citation,
  type Extras,
  type Finish,
  type Item,
  type PartDelta,
  type PartMeta,
  type Signature,
  type StreamError,
  type StreamEvent,
  type Usage,
} from './canonical.ts'

interface OpenPart {
  readonly meta: PartMeta
  text: string
  signature: Signature | undefined
  citations: Citation[]
}

export interface Collector {
  push(event: StreamEvent): void
  /** The answer so far; `finish` is malformed while none came. */
  response(): ChatResponse
  readonly error: StreamError | null
  readonly finished: boolean
  /** A part, a finish or usage has come: more than an announcement. */
  readonly started: boolean
}

export function createCollector(): Collector {
  return new CollectedAnswer()
}

// A class, since one is made for every answer: V8 puts the getters of object literals into old space.
class CollectedAnswer implements Collector {
  #start = { id: '', model: '', created: 0 }
  readonly #items: Item[] = []
  #open: OpenPart | null = null
  #usage: Usage = UNKNOWN_USAGE
  #finish: Finish | null = null
  #extensions: Extras = {}
  error: StreamError | null = null
  started = false

  get finished(): boolean {
    return this.#finish !== null
  }

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'response-start':
        this.#start = { id: event.id, model: event.model, created: event.created }
        break
      case 'part-start':
        this.started = true
        this.#open = { meta: event.part, text: '', signature: undefined, citations: [] }
        break
      case 'part-delta':
        if (this.#open) addDelta(this.#open, event.delta)
        break
      case 'part-end':
        if (this.#open) this.#items.push(itemOf(this.#open))
        this.#open = null
        break
      case 'usage':
        this.#usage = event.usage
        break
      case 'finish':
        this.started = true
        this.#finish = event.finish
        this.#extensions = event.extensions ?? {}
        break
      case 'error':
        this.error = event.error
        break
      case 'ping':
        break
    }
  }

  response(): ChatResponse {
    return {
      ...this.#start,
      items: [...this.#items],
      finish: this.#finish ?? { unified: 'malformed', raw: '' },
      usage: this.#usage,
      extensions: this.#extensions,
    }
  }
}

function addDelta(open: OpenPart, delta: PartDelta): void {
  if (delta.kind === 'signature') open.signature = delta.signature
  else if (delta.kind === 'citation') open.citations.push(delta.citation)
  else open.text += delta.text
}

export function collectEvents(events: Iterable<StreamEvent>): ChatResponse {
  const collector = createCollector()
  for (const event of events) collector.push(event)
  return collector.response()
}

function itemOf({ meta, text, signature, citations }: OpenPart): Item {
  const base = { turn: 0, ...(signature ? { signature } : {}) }
  switch (meta.kind) {
    case 'text': {
      const extra = meta.extra ? { extra: meta.extra } : {}
      return {
        ...base,
        ...extra,
        kind: 'text',
        role: 'assistant',
        text,
        ...(citations.length > 0 ? { citations } : {}),
      }
    }
    case 'refusal':
      return { ...base, ...(meta.extra ? { extra: meta.extra } : {}), kind: 'refusal', text }
    case 'reasoning':
      return {
        ...base,
        kind: 'reasoning',
        text,
        ...(meta.summary ? { summary: true } : {}),
        ...(meta.redacted ? { redacted: true } : {}),
      }
    case 'call': {
      const { id, name, namespace, style, extra } = meta
      return {
        ...base,
        kind: 'call',
        id,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        argsText: text,
        style,
        ...(extra ? { extra } : {}),
      }
    }
    case 'media':
      return { ...base, kind: 'media', role: 'assistant', media: meta.media, source: meta.source }
    case 'opaque':
      return { ...base, kind: 'opaque', protocol: meta.protocol, role: 'assistant', raw: meta.raw }
  }
}

/** A whole answer as the events of a stream, for clients that asked for one where the provider sent none. */
export function* eventsOf(response: ChatResponse): Generator<StreamEvent> {
  yield { type: 'response-start', id: response.id, model: response.model, created: response.created }
  let index = 0
  for (const item of response.items) {
    const part = partOf(item)
    if (!part) continue
    yield { type: 'part-start', index, part: part.meta }
    // A call's state is told before its arguments: dialects without a slot for it put it in front of the call.
    const state = item.signature
    if (state && item.kind === 'call')
      yield { type: 'part-delta', index, delta: { kind: 'signature', signature: state } }
    if (part.text !== '') yield { type: 'part-delta', index, delta: { kind: part.deltaKind, text: part.text } }
    for (const citation of item.kind === 'text' ? (item.citations ?? []) : []) {
      yield { type: 'part-delta', index, delta: { kind: 'citation', citation } }
    }
    if (state && item.kind !== 'call')
      yield { type: 'part-delta', index, delta: { kind: 'signature', signature: state } }
    yield { type: 'part-end', index }
    index++
  }
  yield { type: 'usage', usage: response.usage }
  const { finish, extensions } = response
  yield { type: 'finish', finish, ...(Object.keys(extensions).length > 0 ? { extensions } : {}) }
}

function partOf(
  item: Item,
): { meta: PartMeta; text: string; deltaKind: 'text' | 'args' | 'reasoning' | 'refusal' } | null {
  switch (item.kind) {
    case 'text':
    case 'refusal': {
      const meta: PartMeta = { kind: item.kind, ...(item.extra ? { extra: item.extra } : {}) }
      return { meta, text: item.text, deltaKind: item.kind }
    }
    case 'reasoning': {
      const { summary, redacted } = item
      const meta: PartMeta = { kind: 'reasoning', ...(summary ? { summary } : {}), ...(redacted ? { redacted } : {}) }
      return { meta, text: item.text, deltaKind: 'reasoning' }
    }
    case 'call': {
      const { id, name, namespace, style, extra } = item
      const meta: PartMeta = {
        kind: 'call',
        id,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        style,
        ...(extra ? { extra } : {}),
      }
      return { meta, text: item.argsText, deltaKind: 'args' }
    }
    case 'media':
      return { meta: { kind: 'media', media: item.media, source: item.source }, text: '', deltaKind: 'text' }
    case 'opaque':
      return { meta: { kind: 'opaque', protocol: item.protocol, raw: item.raw }, text: '', deltaKind: 'text' }
    case 'result':
      return null
  }
}
