// A stream's events as one whole answer. Law: collecting a decoded stream gives what decoding the whole answer gives.
import {
  UNKNOWN_USAGE,
  type ChatResponse,
  type Citation,
  type Extras,
  type Finish,
  type Item,
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
  let start = { id: '', model: '', created: 0 }
  const items: Item[] = []
  let open: OpenPart | null = null
  let usage: Usage = UNKNOWN_USAGE
  let finish: Finish | null = null
  let extensions: Extras = {}
  let error: StreamError | null = null
  let started = false

  return {
    push(event) {
      if (event.type === 'part-start' || event.type === 'finish') started = true
      switch (event.type) {
        case 'response-start':
          start = { id: event.id, model: event.model, created: event.created }
          break
        case 'part-start':
          open = { meta: event.part, text: '', signature: undefined, citations: [] }
          break
        case 'part-delta':
          if (!open) break
          if (event.delta.kind === 'signature') open.signature = event.delta.signature
          else if (event.delta.kind === 'citation') open.citations.push(event.delta.citation)
          else open.text += event.delta.text
          break
        case 'part-end':
          if (open) items.push(itemOf(open))
          open = null
          break
        case 'usage':
          usage = event.usage
          break
        case 'finish':
          finish = event.finish
          extensions = event.extensions ?? {}
          break
        case 'error':
          error = event.error
          break
        case 'ping':
          break
      }
    },
    response: () => ({
      ...start,
      items: [...items],
      finish: finish ?? { unified: 'malformed', raw: '' },
      usage,
      extensions,
    }),
    get error() {
      return error
    },
    get finished() {
      return finish !== null
    },
    get started() {
      return started
    },
  }
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
