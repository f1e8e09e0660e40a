// An answer as the events of a Responses stream, and as the whole that the last of them holds. Reasoning state of a
// call or a text, which this dialect has no slot for, stands in an empty reasoning item: before a call, behind a text.
import {
  UNKNOWN_USAGE,
  type Citation,
  type Finish,
  type PartDelta,
  type PartMeta,
  type Signature,
  type StreamEvent,
  type Usage,
} from '../canonical.ts'
import { readExplanation, reportPause, type ResponseEncoding } from '../codec.ts'
import { asObject, asText } from '../read.ts'
import { tellTier } from '../tiers.ts'
import { describeAnswer } from './answer-echo.ts'
import { OWN } from './media.ts'
import { OutputItems, type Wire } from './output-items.ts'
import { encodeResponsesUsage, encodeToolUsage } from './usage.ts'

interface OpenPart {
  readonly meta: PartMeta
  /** Something of it stands on the wire. */
  begun: boolean
  signature: Signature | null
  citations: Citation[]
}

/** In which an answer may have been served, beside the default one. */
const TIERS = ['flex', 'priority', 'fast', 'scale']
const REFUSED = 'The model refused to answer.'
const MALFORMED = { code: 'server_error', message: 'The answer of the provider was malformed.' }

export class AnswerWriter {
  /** The answer so far. */
  response: Wire
  readonly #base: Wire
  readonly #encoding: ResponseEncoding
  readonly #items: OutputItems
  #events: Wire[] = []
  #sequence = 0
  #begun = false
  #refused = false
  #part: OpenPart | null = null
  #usage: Usage = UNKNOWN_USAGE

  constructor(encoding: ResponseEncoding) {
    const suffix = encoding.requestId.replace(/^req_/, '')
    this.#encoding = encoding
    this.#base = describeAnswer(encoding, `resp_${suffix}`)
    this.response = this.#base
    this.#items = new OutputItems((type, fields) => this.#emit(type, fields), suffix, encoding)
  }

  /** The wire events that one event of the middle model becomes. */
  push(event: StreamEvent): Wire[] {
    if (event.type === 'ping' || event.type === 'error') return []
    this.#begin()
    if (event.type === 'part-start') this.#openPart(event.part)
    else if (event.type === 'part-delta') this.#addDelta(event.delta)
    else if (event.type === 'part-end') this.#endPart()
    else if (event.type === 'usage') this.#usage = event.usage
    else if (event.type === 'finish') this.#finish(event.finish)
    return this.#take()
  }

  fail(error: { code: unknown; message: unknown }): Wire[] {
    this.#begin()
    this.#items.abandon()
    this.#end('response.failed', { status: 'failed', error })
    return this.#take()
  }

  #emit(type: string, fields: Wire): void {
    this.#events.push({ type, sequence_number: this.#sequence++, ...fields })
  }

  #take(): Wire[] {
    const events = this.#events
    this.#events = []
    return events
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#emit('response.created', { response: this.#base })
    this.#emit('response.in_progress', { response: this.#base })
  }

  #end(type: string, fields: Wire): void {
    const usage = encodeResponsesUsage(this.#usage)
    const served = usage === null ? {} : { service_tier: tellTier(this.#usage, TIERS, 'default') ?? 'auto' }
    const counted = { ...encodeToolUsage(this.#usage), usage }
    this.response = { ...this.#base, ...fields, ...served, output: this.#items.done, ...counted }
    this.#emit(type, { response: this.response })
  }

  #openPart(meta: PartMeta): void {
    this.#part = { meta, begun: false, signature: null, citations: [] }
    if (meta.kind === 'refusal') this.#refused = true
  }

  #addDelta(delta: PartDelta): void {
    const part = this.#part
    if (!part) return
    if (delta.kind === 'signature') part.signature = delta.signature
    else if (delta.kind === 'citation') {
      if (part.begun) this.#items.addCitations([delta.citation])
      else part.citations.push(delta.citation)
    } else if (delta.text !== '') this.#addText(part, delta.text)
  }

  #addText(part: OpenPart, text: string): void {
    if (!part.begun) this.#beginPart(part)
    this.#items.addText(text)
  }

  #beginPart(part: OpenPart): void {
    const { meta } = part
    part.begun = true
    if (meta.kind === 'text' || meta.kind === 'refusal') {
      this.#items.openText(meta.kind, asText(meta.extra?.[OWN]?.['phase']) ?? undefined)
      this.#items.addCitations(part.citations)
    } else if (meta.kind === 'reasoning') this.#items.openReasoning()
    else if (meta.kind === 'call') {
      if (part.signature) this.#items.addState(part.signature)
      part.signature = null
      this.#items.openCall(meta)
    }
  }

  #endPart(): void {
    const part = this.#part
    this.#part = null
    if (!part) return
    const { meta, signature } = part
    if (meta.kind === 'media' || meta.kind === 'opaque') this.#addWhole(meta)
    else if (meta.kind === 'call') this.#endCall(part, meta.style)
    else if (meta.kind === 'reasoning' && part.begun) this.#items.closeReasoning(signature)
    else {
      if (part.begun) this.#items.closeText()
      if (signature) this.#items.addState(signature)
    }
  }

  // A call without arguments calls with none, said once.
  #endCall(part: OpenPart, style: 'json' | 'freeform'): void {
    if (!part.begun && style === 'json') this.#addText(part, '{}')
    else if (!part.begun) this.#beginPart(part)
    this.#items.closeCall()
    if (part.signature) this.#items.addState(part.signature)
  }

  #addWhole(meta: Extract<PartMeta, { kind: 'media' | 'opaque' }>): void {
    const { losses } = this.#encoding
    if (meta.kind === 'media') {
      if (meta.media === 'image' && meta.source.from === 'data') this.#items.addImage(meta.source.data)
      else losses.drop('media', 'an answer in this dialect has no place for it')
      return
    }
    const raw = asObject(meta.raw)
    if (meta.protocol === OWN && raw) this.#items.addRaw(raw)
    else losses.drop('provider_items', 'only its own dialect has them')
  }

  #finish(finish: Finish): void {
    const refuses = finish.unified === 'refusal' || readExplanation(finish) !== null
    if (refuses && !this.#refused) this.#sayRefusal(finish)
    this.#items.closeMessage()
    reportPause(finish.unified, this.#encoding.losses)
    const reason = INCOMPLETE[finish.unified]
    if (finish.unified === 'malformed') this.#end('response.failed', { status: 'failed', error: MALFORMED })
    else if (reason === undefined) this.#end('response.completed', { status: 'completed' })
    else this.#end('response.incomplete', { status: 'incomplete', incomplete_details: { reason } })
  }

  // A refusal must be seen as one, even where the provider gave no words for it.
  #sayRefusal(finish: Finish): void {
    this.#items.openText('refusal', undefined)
    this.#items.addText(readExplanation(finish) ?? REFUSED)
    this.#items.closeText()
  }
}

const INCOMPLETE: Readonly<Partial<Record<Finish['unified'], string>>> = {
  length: 'max_output_tokens',
  context_window: 'max_output_tokens',
  content_filter: 'content_filter',
}
