// The output items of an answer being written: each is announced, grows, and is done before the next one begins. Texts
// that follow each other are parts of one message.
import type { Citation, PartMeta, Signature } from '../canonical.ts'
import type { ResponseEncoding } from '../codec.ts'
import type { JsonObject } from '../read.ts'
import { encodeCitation } from './parts.ts'
import { OWN_REASONING_ID } from './request-items.ts'

export type Wire = Record<string, unknown>
export type Emit = (type: string, fields: Wire) => void

interface Message {
  readonly item: Wire
  readonly content: Wire[]
  readonly phase: string | undefined
}

interface Growing {
  /** The item, or the part of a message, as announced. */
  readonly wire: Wire
  /** Stem of its events' names. */
  readonly stem: string
  readonly place: Wire
  readonly annotations: Wire[]
  text: string
}

const TEXT = 'response.output_text'

export class OutputItems {
  readonly done: Wire[] = []
  readonly #emit: Emit
  readonly #suffix: string
  readonly #encoding: ResponseEncoding
  #message: Message | null = null
  #growing: Growing | null = null

  /** `suffix`: what makes the ids of this answer its own. */
  constructor(emit: Emit, suffix: string, encoding: ResponseEncoding) {
    this.#emit = emit
    this.#suffix = suffix
    this.#encoding = encoding
  }

  /** Adds to the text, reasoning or call that is open. */
  addText(text: string): void {
    const growing = this.#growing
    if (!growing) return
    growing.text += text
    const more = growing.stem === TEXT ? { logprobs: [] } : {}
    this.#emit(`${growing.stem}.delta`, { ...growing.place, delta: text, ...more })
  }

  openText(kind: 'text' | 'refusal', phase: string | undefined): void {
    if (this.#message && this.#message.phase !== phase) this.closeMessage()
    const message = (this.#message ??= this.#openMessage(phase))
    const wire =
      kind === 'text'
        ? { type: 'output_text', text: '', annotations: [], logprobs: [] }
        : { type: 'refusal', refusal: '' }
    const place = this.#placeOf(message.item, { content_index: message.content.length })
    this.#emit('response.content_part.added', { ...place, part: wire })
    this.#grow(wire, kind === 'text' ? TEXT : 'response.refusal', place)
  }

  addCitations(citations: readonly Citation[]): void {
    const growing = this.#growing
    if (growing?.stem !== TEXT) return
    for (const citation of citations) {
      const annotation = encodeCitation(citation)
      if (annotation) {
        const place = { ...growing.place, annotation_index: growing.annotations.length }
        this.#emit('response.output_text.annotation.added', { ...place, annotation })
        growing.annotations.push(annotation)
      } else this.#encoding.losses.drop('citations', 'a source without an address cannot be said')
    }
  }

  closeText(): void {
    const growing = this.#growing
    if (!growing || !this.#message) return
    const part = textPart(growing)
    const said = growing.stem === TEXT ? { text: growing.text, logprobs: [] } : { refusal: growing.text }
    this.#emit(`${growing.stem}.done`, { ...growing.place, ...said })
    this.#emit('response.content_part.done', { ...growing.place, part })
    this.#message.content.push(part)
    this.#growing = null
  }

  closeMessage(): void {
    const message = this.#message
    this.#message = null
    if (message) this.#complete({ ...message.item, status: 'completed', content: message.content })
  }

  openReasoning(): void {
    this.closeMessage()
    const item = { id: this.#reasoningId(), type: 'reasoning', summary: [] }
    this.#announce(item)
    const place = this.#placeOf(item, { summary_index: 0 })
    this.#emit('response.reasoning_summary_part.added', { ...place, part: { type: 'summary_text', text: '' } })
    this.#grow(item, 'response.reasoning_summary_text', place)
  }

  closeReasoning(signature: Signature | null): void {
    const growing = this.#growing
    if (!growing) return
    this.#growing = null
    const { place, text, wire } = growing
    const part = { type: 'summary_text', text }
    this.#emit('response.reasoning_summary_text.done', { ...place, text })
    this.#emit('response.reasoning_summary_part.done', { ...place, part })
    const sealed = signature ? { encrypted_content: this.#encoding.sealEnvelope(signature) } : {}
    this.#complete({ ...wire, summary: [part], ...sealed })
  }

  openCall({ id, name, namespace, style }: Extract<PartMeta, { kind: 'call' }>): void {
    this.closeMessage()
    const freeform = style === 'freeform'
    const item = {
      id: this.#idFor(freeform ? 'ctc' : 'fc'),
      type: freeform ? 'custom_tool_call' : 'function_call',
      status: 'in_progress',
      call_id: id,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(freeform ? { input: '' } : { arguments: '' }),
    }
    this.#announce(item)
    const stem = freeform ? 'response.custom_tool_call_input' : 'response.function_call_arguments'
    this.#grow(item, stem, this.#placeOf(item))
  }

  closeCall(): void {
    const growing = this.#growing
    if (!growing) return
    this.#growing = null
    this.#emit(`${growing.stem}.done`, { ...growing.place, ...grownField(growing) })
    this.#complete({ ...growing.wire, status: 'completed', ...grownField(growing) })
  }

  /** Sealed state alone. */
  addState(signature: Signature): void {
    this.closeMessage()
    const item = { id: this.#reasoningId(), type: 'reasoning', summary: [] }
    this.#addWhole(item, { ...item, encrypted_content: this.#encoding.sealEnvelope(signature) })
  }

  addImage(data: string): void {
    this.closeMessage()
    const item = { id: this.#idFor('ig'), type: 'image_generation_call' }
    this.#addWhole({ ...item, status: 'in_progress', result: null }, { ...item, status: 'completed', result: data })
  }

  addRaw(raw: JsonObject): void {
    this.closeMessage()
    this.#addWhole({ ...raw }, { ...raw })
  }

  /** The stream breaks off: what is open counts as incomplete. */
  abandon(): void {
    const growing = this.#growing
    if (this.#message) {
      const { item, content } = this.#message
      this.done.push({ ...item, status: 'incomplete', content: growing ? [...content, textPart(growing)] : content })
    } else if (growing) this.done.push({ ...growing.wire, status: 'incomplete', ...grownField(growing) })
    this.#message = null
    this.#growing = null
  }

  #openMessage(phase: string | undefined): Message {
    const said = phase === undefined ? {} : { phase }
    const item = {
      id: this.#idFor('msg'),
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [],
      ...said,
    }
    this.#announce(item)
    return { item, content: [], phase }
  }

  #grow(wire: Wire, stem: string, place: Wire): void {
    this.#growing = { wire, stem, place, annotations: [], text: '' }
  }

  #idFor(prefix: string): string {
    return `${prefix}_${this.#suffix}_${this.done.length}`
  }

  #reasoningId(): string {
    return `${OWN_REASONING_ID}${this.#suffix}_${this.done.length}`
  }

  #placeOf(item: Wire, more: Wire = {}): Wire {
    return { item_id: item['id'], output_index: this.done.length, ...more }
  }

  #announce(item: Wire): void {
    this.#emit('response.output_item.added', { output_index: this.done.length, item })
  }

  #complete(item: Wire): void {
    this.#emit('response.output_item.done', { output_index: this.done.length, item })
    this.done.push(item)
  }

  #addWhole(announced: Wire, item: Wire): void {
    this.#announce(announced)
    this.#complete(item)
  }
}

function textPart({ wire, stem, annotations, text }: Growing): Wire {
  return stem === TEXT ? { ...wire, text, annotations } : { ...wire, refusal: text }
}

function grownField({ wire, text }: Growing): Wire {
  if (wire['type'] === 'custom_tool_call') return { input: text }
  return wire['type'] === 'function_call' ? { arguments: text } : { summary: [{ type: 'summary_text', text }] }
}
