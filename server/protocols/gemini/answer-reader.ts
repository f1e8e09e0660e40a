// Reads an answer, whole or in pieces: one state machine, so that both give the same. Text in pieces is one text until
// a signature or another kind of part ends it; sources come last and are hung on the text they speak of.
import type { Citation, Extras, Finish, PartDelta, PartMeta, StreamEvent } from '../canonical.ts'
import type { ResponseDecoding } from '../codec.ts'
import { createPartSequencer } from '../part-sequencer.ts'
import { asCount, asObject, asText, asWord, toSnake, type JsonObject } from '../read.ts'
import { asList, asObjects, field, GEMINI, isEmpty } from './fields.ts'
import { finishOf, readReason } from './finish.ts'
import { readCitationMetadata, readGrounding, type PlacedCitation } from './grounding.ts'
import { argsTextOf, readPart, type ReadPart } from './parts.ts'
import { countSearches, readGeminiUsage } from './usage.ts'

interface OpenPart {
  readonly key: string
  readonly kind: 'text' | 'reasoning'
  /** Where its text begins in all visible text. */
  readonly from: number
  signed: boolean
}

/** Fields of a candidate without a counterpart; kept under their snake-case names, as all extensions are. */
const KEPT = ['groundingMetadata', 'urlContextMetadata', 'logprobsResult'] as const

/** Reads one answer; its state is what was said so far. */
export class AnswerReader {
  readonly #decoding: ResponseDecoding
  readonly #sequencer = createPartSequencer()
  readonly #kept: Record<string, unknown> = {}
  readonly #cited = new Set<string>()
  #placed: PlacedCitation[] = []
  #open: OpenPart | null = null
  #parts = 0
  #calls = 0
  #visible = ''
  #responseId = ''
  #started = false
  #reason: string | null = null
  /** Why there is no answer, in words. */
  #explanation: string | null = null
  /** As it was told last. */
  #usage: string | null = null
  #searches: number | null = null

  constructor(decoding: ResponseDecoding) {
    this.#decoding = decoding
  }

  /** Events for one GenerateContentResponse. */
  read(chunk: JsonObject): StreamEvent[] {
    const start = this.#readStart(chunk)
    const candidates = asObjects(chunk['candidates'])
    const candidate = candidates.find((one) => (asCount(one['index']) ?? 0) === 0)
    if (candidate) this.#readCandidate(candidate)
    const feedback = asObject(field(chunk, 'promptFeedback'))
    const block = readReason(field(feedback, 'blockReason'))
    if (feedback && block !== null && this.#reason === null) {
      this.#reason = block
      this.#kept['prompt_feedback'] = feedback
      this.#explanation = asWord(field(feedback, 'blockReasonMessage')) ?? this.#explanation
    }
    return [...start, ...this.#sequencer.take(), ...this.#readUsage(chunk)]
  }

  /** The answer has told why it ended. */
  get ended(): boolean {
    return this.#reason !== null
  }

  /** What is still open, and `finish`. */
  finish(): StreamEvent[] {
    this.#close(true)
    this.#sequencer.endAll()
    if (this.#reason === null) return this.#sequencer.take()
    const blocked = this.#kept['prompt_feedback'] !== undefined
    const ended: Finish = blocked
      ? { unified: 'content_filter', raw: this.#reason }
      : finishOf(this.#reason, this.#calls > 0)
    const isExplained = this.#explanation !== null && ended.unified === 'content_filter'
    const finish = isExplained ? { ...ended, details: { explanation: this.#explanation } } : ended
    const extensions = isEmpty(this.#kept) ? {} : { extensions: { [GEMINI]: this.#kept } }
    return [...this.#sequencer.take(), { type: 'finish', finish, ...extensions }]
  }

  #readStart(chunk: JsonObject): StreamEvent[] {
    this.#responseId = asText(field(chunk, 'responseId')) ?? this.#responseId
    if (this.#started) return []
    this.#started = true
    const time = Date.parse(asText(field(chunk, 'createTime')) ?? '')
    const created = Number.isNaN(time) ? 0 : Math.floor(time / 1000)
    const model = asText(field(chunk, 'modelVersion')) ?? ''
    return [{ type: 'response-start', id: this.#responseId, model, created }]
  }

  #readUsage(chunk: JsonObject): StreamEvent[] {
    const metadata = asObject(field(chunk, 'usageMetadata'))
    if (!metadata || (this.#usage && asCount(field(metadata, 'promptTokenCount')) === null)) return []
    this.#decoding.onUsage?.(metadata)
    // Every chunk repeats it.
    const written = `${this.#searches} ${JSON.stringify(metadata)}`
    if (written === this.#usage) return []
    this.#usage = written
    return [{ type: 'usage', usage: readGeminiUsage(metadata, this.#searches) }]
  }

  #readCandidate(candidate: JsonObject): void {
    for (const part of asList(field(asObject(candidate['content']), 'parts'))) this.#readContent(part)
    const grounding = field(candidate, 'groundingMetadata')
    this.#searches = countSearches(grounding) ?? this.#searches
    this.#placed.push(...readGrounding(grounding, this.#visible))
    this.#placed.push(...readCitationMetadata(field(candidate, 'citationMetadata'), this.#visible))
    for (const name of KEPT) {
      const value = asObject(field(candidate, name))
      if (value && !isEmpty(value)) this.#kept[toSnake(name)] = value
    }
    this.#reason = readReason(field(candidate, 'finishReason')) ?? this.#reason
    this.#explanation = asWord(field(candidate, 'finishMessage')) ?? this.#explanation
    const ratings = field(candidate, 'safetyRatings')
    const filtered = this.#reason !== null && finishOf(this.#reason, false).unified === 'content_filter'
    if (filtered && ratings !== undefined) this.#kept['safety_ratings'] = ratings
  }

  #readContent(value: unknown): void {
    const part = readPart(value)
    if (!part) return
    const { content, slot, extra } = part
    if (content.kind === 'text') this.#readText(content.text, content.thought, slot)
    else if (content.kind === 'call') this.#readCall(content, slot, extra)
    else if (content.kind === 'media') {
      this.#addWhole({ kind: 'media', media: content.media, source: content.source }, slot)
    } else {
      this.#addWhole({ kind: 'opaque', protocol: GEMINI, raw: content.kind === 'opaque' ? content.raw : value }, slot)
    }
  }

  #readText(text: string, thought: boolean, slot: unknown): void {
    const signed = typeof slot === 'string' && slot !== ''
    const kind = thought ? 'reasoning' : 'text'
    if (text === '' && !signed) return
    if (text === '') {
      // A signature on no text belongs to what was just said; after nothing, or a signed text, it stands for itself.
      const target = this.#open && !this.#open.signed ? this.#open : this.#openText('reasoning')
      this.#addSignature(target.key, slot)
      target.signed = true
      return
    }
    const target = this.#open?.kind === kind && !this.#open.signed ? this.#open : this.#openText(kind)
    this.#sequencer.delta(target.key, { kind, text })
    if (!thought) this.#visible += text
    if (!signed) return
    this.#addSignature(target.key, slot)
    target.signed = true
  }

  #openText(kind: OpenPart['kind']): OpenPart {
    this.#close(false)
    const part: OpenPart = { key: String(this.#parts++), kind, from: this.#visible.length, signed: false }
    this.#sequencer.start(part.key, { kind })
    this.#open = part
    return part
  }

  #readCall(content: ReadPart['content'] & { kind: 'call' }, slot: unknown, extra: Extras | undefined): void {
    const { name, namespace, style } = this.#decoding.restoreTool(content.name)
    const text = argsTextOf(content.args, style)
    const id = content.id ?? this.#nameCall()
    this.#calls++
    const meta: PartMeta = {
      kind: 'call',
      id,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      style,
      ...(extra ? { extra } : {}),
    }
    this.#addWhole(meta, slot, text === '' ? undefined : { kind: 'args', text })
  }

  /** Clients and kept state know calls by their ids, so those of two answers must differ. */
  #nameCall(): string {
    const answer = this.#decoding.requestId?.replace(/^req_/, '') ?? this.#responseId
    return answer === '' ? `call_${this.#calls}` : `call_${answer}_${this.#calls}`
  }

  #addWhole(meta: PartMeta, slot: unknown, delta?: PartDelta): void {
    this.#close(false)
    const key = String(this.#parts++)
    this.#sequencer.start(key, meta)
    this.#addSignature(key, slot)
    if (delta) this.#sequencer.delta(key, delta)
    this.#sequencer.end(key)
  }

  #addSignature(key: string, slot: unknown): void {
    const value = asText(slot)
    if (value === null || value === '') return
    const { provider, account, model } = this.#decoding
    this.#sequencer.delta(key, { kind: 'signature', signature: { provider, account, model, kind: 'thought', value } })
  }

  /** Ends what is open, with the sources that speak of it. */
  #close(isLast: boolean): void {
    if (!this.#open) return
    const { key, kind, from } = this.#open
    this.#open = null
    if (kind === 'text') {
      for (const citation of this.#takeCitations(from, isLast))
        this.#sequencer.delta(key, { kind: 'citation', citation })
    }
    this.#sequencer.end(key)
  }

  /** The sources of the text that begins at `from`; those of no text in particular go to the last. */
  #takeCitations(from: number, isLast: boolean): Citation[] {
    const taken: Citation[] = []
    const left: PlacedCitation[] = []
    for (const one of this.#placed) {
      const { citation, start, end } = one
      const inside = start !== null && end !== null && start >= from && end <= this.#visible.length
      if (!inside && !isLast) {
        left.push(one)
        continue
      }
      const found = inside ? { ...citation, start: start - from, end: end - from } : citation
      const key = JSON.stringify([inside ? from : null, found])
      if (!this.#cited.has(key)) taken.push(found)
      this.#cited.add(key)
    }
    this.#placed = left
    return taken
  }
}
