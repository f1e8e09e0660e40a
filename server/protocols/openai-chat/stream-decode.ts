// A stream of chunks as events of the middle model. Thoughts, text and refusals end when something else begins; calls
// end with the stream. Invariant: what is collected from the events is what a whole answer of the same content decodes
// to.
import type { Citation, PartDelta, StreamEvent } from '../canonical.ts'
import type { ResponseDecoding, StreamDecoder } from '../codec.ts'
import { createPartSequencer } from '../part-sequencer.ts'
import { asCount, asObject, asText, readErrorBody, type JsonObject } from '../read.ts'
import { BROKEN_OFF, readEventData, UNREADABLE } from '../stream-data.ts'
import { decodeOpenaiError } from '../openai-error.ts'
import type { SseEvent } from '../../kernel/sse.ts'
import { createAnswerFields } from './answer-fields.ts'
import { readThought } from './calls.ts'
import { readAnnotations, readSources } from './citations.ts'
import { readFinish } from './finish.ts'
import { readMedia } from './media.ts'
import { asNumber, asObjects } from './names.ts'
import { readContent } from './parts.ts'
import { BETWEEN_THOUGHTS, readDetails, stateOf, type Detail } from './reasoning.ts'
import { answerState } from './response.ts'
import { StreamCalls } from './stream-calls.ts'
import { createThinkSplitter } from './think-tags.ts'
import { readChatUsage } from './usage.ts'

type Kind = 'text' | 'reasoning' | 'refusal'

export class ChatStreamDecoder implements StreamDecoder {
  readonly #decoding: ResponseDecoding
  readonly #parts = createPartSequencer()
  readonly #calls: StreamCalls
  readonly #fields = createAnswerFields()
  readonly #splitter
  #events: StreamEvent[] = []
  #started = false
  #ended = false
  #responseId = ''
  #reason: unknown
  #met: unknown
  #sawEnd = false
  #sources: ReturnType<typeof readSources> = []
  #cited = false
  readonly #held: Citation[] = []
  #refused = false
  /** The open part that is no call. */
  #open: { kind: Kind; key: string; sealed: boolean; index: unknown } | null = null
  #number = 0
  #lastText: string | null = null
  /** An entry of ours ended a thought: two line ends may stand before the next. */
  #betweenThoughts = false

  constructor(decoding: ResponseDecoding) {
    this.#decoding = decoding
    this.#calls = new StreamCalls(decoding, this.#parts)
    this.#splitter = decoding.dialect?.reasoningOut === 'think_tags' ? createThinkSplitter() : null
  }

  push({ event, data }: SseEvent): StreamEvent[] {
    if (this.#ended) return []
    if (data.trim() === '[DONE]') {
      return this.#sawEnd || this.#saidAll ? this.#finish() : this.#breakOff(BROKEN_OFF)
    }
    const chunk = readEventData({ event, data })
    if (chunk === null) return []
    // An answer that has told why it ended is whole: all that came to harm is what is said about it.
    if (chunk === 'unreadable') return this.#sawEnd ? [] : this.#breakOff(UNREADABLE)
    const failed = chunk['error'] !== undefined && chunk['error'] !== null
    if (failed || event === 'error' || chunk['object'] === 'error') return this.#fail(chunk, data)
    this.#readChunk(chunk)
    return this.#take()
  }

  end(): StreamEvent[] {
    if (this.#ended) return []
    // Some servers end a whole stream without [DONE].
    return this.#sawEnd ? this.#finish() : this.#breakOff(BROKEN_OFF)
  }

  /** Some servers end a whole answer without a finish reason; one that said nothing, or half a call, has broken off. */
  get #saidAll(): boolean {
    return (this.#number > 0 || this.#calls.any) && this.#calls.whole
  }

  #breakOff(error: StreamEvent): StreamEvent[] {
    this.#ended = true
    return [...this.#take(), error]
  }

  #take(): StreamEvent[] {
    const events = [...this.#events, ...this.#parts.take()]
    this.#events = []
    return events
  }

  #fail(chunk: JsonObject, data: string): StreamEvent[] {
    this.#ended = true
    const inner = asObject(chunk['error']) ?? chunk
    const { signals, message, retryAfterMs } = decodeOpenaiError(200, data)
    const code = asNumber(inner['code']) ?? asNumber(inner['status_code']) ?? asNumber(inner['status']) ?? 502
    const status = code >= 400 && code <= 599 ? code : 502
    const text = message || readErrorBody(data).message || 'The provider reported an error in its answer.'
    return [...this.#take(), { type: 'error', error: { status, signals, message: text, retryAfterMs } }]
  }

  #finish(): StreamEvent[] {
    this.#ended = true
    for (const piece of this.#splitter?.end() ?? []) this.#say(piece.kind, piece.text)
    if (!this.#cited && this.#lastText !== null) {
      for (const citation of this.#sources) this.#parts.delta(this.#lastText, { kind: 'citation', citation })
    }
    this.#calls.end(this.#decoding.requestId ?? this.#responseId)
    this.#parts.endAll()
    const said = { calls: this.#calls.any, refusal: this.#refused }
    const finish = readFinish(this.#reason, this.#met, said)
    const extensions = this.#fields.extensions()
    const more = Object.keys(extensions).length > 0 ? { extensions } : {}
    return [...this.#take(), { type: 'finish', finish, ...more }]
  }

  #readChunk(chunk: JsonObject): void {
    const choices = asObjects(chunk['choices'])
    this.#start(chunk, choices.length > 0)
    this.#fields.add(chunk)
    const sources = readSources(chunk)
    if (sources.length > 0) this.#sources = sources
    for (const choice of choices) {
      if ((asNumber(choice['index']) ?? 0) !== 0) continue
      const delta = asObject(choice['delta'])
      if (delta) this.#readDelta(delta)
      const reason = asText(choice['finish_reason'])
      if (reason) {
        this.#reason = reason
        this.#sawEnd = true
      }
      this.#met = choice['stop_reason'] ?? this.#met
    }
    const usage = asObject(chunk['usage']) ?? asObject(asObject(chunk['x_groq'])?.['usage'])
    if (usage && asCount(usage['prompt_tokens']) !== null) {
      this.#decoding.onUsage?.(usage)
      this.#events.push(...this.#parts.take(), { type: 'usage', usage: readChatUsage(usage, chunk['service_tier']) })
    }
  }

  // Azure's first chunk has neither an id nor a choice.
  #start(chunk: JsonObject, said: boolean): void {
    const id = asText(chunk['id']) ?? ''
    if (this.#started || (id === '' && !said)) return
    this.#started = true
    this.#responseId = id
    const model = asText(chunk['model']) ?? ''
    this.#events.push({ type: 'response-start', id, model, created: asCount(chunk['created']) ?? 0 })
  }

  #readDelta(delta: JsonObject): void {
    const details = readDetails(delta['reasoning_details'])
    const readable = asText(delta['reasoning_content']) ?? asText(delta['reasoning']) ?? ''
    if (!details.some(({ text }) => text !== '')) this.#think(readable, undefined)
    for (const [at, detail] of details.entries()) {
      this.#readDetail(detail, asObjects(delta['reasoning_details'])[at]?.['index'])
    }
    for (const part of readContent(delta['content'])) {
      if (part.kind === 'text') this.#readText(part.text)
      else if (part.kind === 'thinking') this.#say('reasoning', part.text)
      else if (part.kind === 'refusal') this.#say('refusal', part.text)
    }
    const annotations = readAnnotations(delta['annotations'])
    if (annotations.length > 0) this.#cited = true
    this.#cite(annotations)
    const thought = readThought(delta)
    if (thought) {
      this.#tellText({ kind: 'signature', signature: answerState(this.#decoding)(thought, { kind: 'thought' })! })
    }
    this.#say('refusal', asText(delta['refusal']) ?? '')
    for (const image of asObjects(delta['images'])) this.#showImage(image)
    this.#readCalls(delta)
  }

  #readCalls(delta: JsonObject): void {
    const calls = asObjects(delta['tool_calls'])
    const legacy = asObject(delta['function_call'])
    if (calls.length > 0 || legacy) this.#close()
    for (const call of calls) this.#calls.push(call)
    if (legacy && calls.length === 0) this.#calls.pushLegacy(legacy)
  }

  #readText(text: string): void {
    if (!this.#splitter) return this.#say('text', text)
    for (const piece of this.#splitter.push(text)) this.#say(piece.kind, piece.text)
  }

  /** Goes on with the open part of this kind, or begins one. */
  #say(kind: Kind, text: string): void {
    if (text === '') return
    if (kind === 'refusal') this.#refused = true
    this.#parts.delta(this.#keyOf(kind), { kind, text })
  }

  #keyOf(kind: Kind): string {
    if (this.#open?.kind === kind) return this.#open.key
    this.#close()
    const key = `${kind}-${this.#number++}`
    this.#open = { kind, key, sealed: false, index: undefined }
    this.#parts.start(key, { kind })
    if (kind === 'text') {
      this.#lastText = key
      this.#cite(this.#held.splice(0))
    }
    return key
  }

  #close(): void {
    if (this.#open) this.#parts.end(this.#open.key)
    this.#open = null
  }

  /** Citations belong to a text; those that come before it wait. */
  #cite(citations: readonly Citation[]): void {
    if (this.#open?.kind !== 'text') this.#held.push(...citations)
    else for (const citation of citations) this.#tellText({ kind: 'citation', citation })
  }

  #tellText(delta: PartDelta): void {
    this.#parts.delta(this.#keyOf('text'), delta)
  }

  #think(text: string, index: unknown): void {
    if (text === '') return
    const between = this.#betweenThoughts
    this.#betweenThoughts = false
    if (between && text === BETWEEN_THOUGHTS) return
    const { kind, sealed, index: before } = this.#open ?? {}
    if (kind === 'reasoning' && (sealed || (before !== undefined && index !== before))) this.#close()
    this.#say('reasoning', text)
    if (this.#open) this.#open.index = index
  }

  #readDetail(detail: Detail, index: unknown): void {
    if (detail.text !== '') this.#think(detail.text, index)
    const signature = stateOf(detail, answerState(this.#decoding))
    const open = this.#open
    const seals = open?.kind === 'reasoning' && !open.sealed && detail.length !== 0
    if (signature && seals) {
      this.#parts.delta(open.key, { kind: 'signature', signature })
      open.sealed = true
    } else if (signature) {
      this.#close()
      const key = this.#keyOf('reasoning')
      this.#parts.delta(key, { kind: 'signature', signature })
      if (this.#open) this.#open.sealed = true
    }
    if (detail.length === null) return
    this.#close()
    this.#betweenThoughts = true
  }

  #showImage(image: JsonObject): void {
    const shown = readMedia(image)
    if (!shown) return
    this.#close()
    const key = `image-${this.#number++}`
    this.#parts.start(key, { kind: 'media', media: shown.media, source: shown.source })
    this.#parts.end(key)
  }
}
