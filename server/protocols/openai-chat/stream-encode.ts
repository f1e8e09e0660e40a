// Events as the chunks a client of this dialect reads: role, deltas, one chunk with the finish reason, usage if it was
// asked for, [DONE]. A call's first chunk has its index, id, type and name and empty arguments; later ones only index
// and arguments.
import type { Finish, PartDelta, PartMeta, StreamEvent, Usage } from '../canonical.ts'
import { readExplanation, reportPause, type ResponseEncoding, type StreamEncoder } from '../codec.ts'
import { openaiErrorObject } from '../openai-error.ts'
import type { ErrorView } from '../protocol.ts'
import { createTextTemplate } from '../text-template.ts'
import { ownFields } from './answer-fields.ts'
import { writeThought } from './calls.ts'
import { WITHOUT_ADDRESS, writeAnnotation } from './citations.ts'
import { writeFinish } from './finish.ts'
import { BETWEEN_THOUGHTS, sealedDetail } from './reasoning.ts'
import { answerId, callName, writeImage } from './response.ts'
import { writeTier, writeUsage } from './usage-encode.ts'
import { UNKNOWN_USAGE } from '../canonical.ts'

type Json = Record<string, unknown>

export class ChatStreamEncoder implements StreamEncoder {
  readonly #encoding: ResponseEncoding
  readonly #sayText: (text: string) => string
  #begun = false
  #part: PartMeta | null = null
  #usage: Usage = UNKNOWN_USAGE
  #calls = 0
  #argsSeen = false
  #refused = false
  #textLength = 0 // of all texts before the open one
  #openTextLength = 0
  #thoughtsLength = 0
  #details = 0
  /** Of the open thought, and of the one before while it is not told where it ended. */
  #thought = { length: 0, sealed: false, told: true }
  #untold: number | null = null

  constructor(encoding: ResponseEncoding) {
    this.#encoding = encoding
    this.#sayText = createTextTemplate((content) => this.#say({ content }))
  }

  push(event: StreamEvent): string {
    switch (event.type) {
      case 'response-start':
        return this.#begin()
      case 'part-start':
        return this.#begin() + this.#startPart(event.part)
      case 'part-delta':
        return this.#delta(event.delta)
      case 'part-end':
        return this.#endPart()
      case 'usage':
        this.#usage = event.usage
        return ''
      case 'finish':
        return this.#begin() + this.#explain(event.finish) + this.#finish(event)
      // The gateway ends a failed stream with `fail`, and pings by itself.
      case 'error':
      case 'ping':
        return ''
    }
  }

  /** A refusal in words that stand beside the answer, where it says none itself. */
  #explain(finish: Finish): string {
    const explanation = this.#refused ? null : readExplanation(finish)
    if (explanation === null) return ''
    this.#refused = true
    return this.#say({ refusal: explanation })
  }

  fail(error: ErrorView): string {
    return line({ error: openaiErrorObject(error) })
  }

  #begin(): string {
    if (this.#begun) return ''
    this.#begun = true
    return this.#say({ role: 'assistant', content: '' })
  }

  #say(delta: Json, finishReason: string | null = null, choice: Json = {}, top: Json = {}): string {
    const choices = [{ index: 0, delta, logprobs: null, ...choice, finish_reason: finishReason }]
    return this.#chunk({ choices, ...(this.#encoding.streamUsage ? { usage: null } : {}), ...top })
  }

  #chunk(fields: Json): string {
    return line({
      id: answerId(this.#encoding),
      object: 'chat.completion.chunk',
      created: this.#encoding.created,
      model: this.#encoding.requestedModel,
      ...fields,
    })
  }

  #startPart(part: PartMeta): string {
    this.#part = part
    this.#openTextLength = 0
    this.#argsSeen = false
    switch (part.kind) {
      case 'reasoning':
        this.#thought = { length: 0, sealed: false, told: false }
        return ''
      case 'refusal':
        this.#refused = true
        return ''
      case 'call':
        this.#calls++
        return this.#startCall(part)
      case 'media': {
        const image = part.media === 'image' ? writeImage(part.source) : null
        if (image) return this.#say({ images: [image] })
        this.#encoding.losses.drop('media', 'answers of this dialect have no slot for it')
        return ''
      }
      case 'opaque':
        this.#encoding.losses.drop('provider_items', 'what a provider’s own tools did is known there only')
        return ''
      case 'text':
        return ''
    }
  }

  #startCall(part: Extract<PartMeta, { kind: 'call' }>): string {
    const name = callName(part)
    const { id } = part
    const index = this.#calls - 1
    if (this.#encoding.request.legacyCalls) {
      if (index === 0) return this.#say({ function_call: { name, arguments: '' } })
      this.#encoding.losses.drop('tool_calls', 'the older form has room for one call')
      return ''
    }
    const call =
      part.style === 'freeform'
        ? { index, id, type: 'custom', custom: { name, input: '' } }
        : { index, id, type: 'function', function: { name, arguments: '' } }
    return this.#say({ tool_calls: [call] })
  }

  #delta(delta: PartDelta): string {
    switch (delta.kind) {
      case 'text':
        this.#openTextLength += delta.text.length
        return this.#sayText(delta.text)
      case 'refusal':
        return this.#say({ refusal: delta.text })
      case 'reasoning':
        return this.#think(delta.text)
      case 'args':
        if (delta.text.trim() !== '') this.#argsSeen = true
        return this.#sayArgs(delta.text)
      case 'citation': {
        const annotation = writeAnnotation(delta.citation, this.#textLength)
        if (annotation) return this.#say({ annotations: [annotation] })
        this.#encoding.losses.drop('citations', WITHOUT_ADDRESS)
        return ''
      }
      case 'signature':
        return this.#seal(this.#encoding.sealEnvelope(delta.signature))
    }
  }

  #sayArgs(args: string): string {
    const index = this.#calls - 1
    if (this.#encoding.request.legacyCalls) return index === 0 ? this.#say({ function_call: { arguments: args } }) : ''
    const freeform = this.#part?.kind === 'call' && this.#part.style === 'freeform'
    const said = freeform ? { custom: { input: args } } : { function: { arguments: args } }
    return this.#say({ tool_calls: [{ index, ...said }] })
  }

  #think(text: string): string {
    if (text === '') return ''
    let out = this.#tellBefore()
    if (this.#thought.length === 0 && this.#thoughtsLength > 0)
      out += this.#say({ reasoning_content: BETWEEN_THOUGHTS })
    this.#thought.length += text.length
    this.#thoughtsLength += text.length
    return out + this.#say({ reasoning_content: text })
  }

  #seal(sealed: string): string {
    switch (this.#part?.kind) {
      case 'reasoning': {
        const before = this.#tellBefore()
        this.#thought.told = true
        return before + this.#detail(sealed, this.#thought.length)
      }
      case 'call': {
        // Some clients read no piece of a call without its function.
        const nothing = this.#part.style === 'freeform' ? { custom: { input: '' } } : { function: { arguments: '' } }
        const state = { index: this.#calls - 1, ...nothing, ...writeThought(sealed) }
        return this.#encoding.request.legacyCalls ? '' : this.#say({ tool_calls: [state] })
      }
      default:
        return this.#say(writeThought(sealed))
    }
  }

  /** Another thought begins: the one before ends there. */
  #tellBefore(): string {
    const length = this.#untold
    this.#untold = null
    return length === null ? '' : this.#detail(null, length)
  }

  #detail(sealed: string | null, length: number): string {
    return this.#say({ reasoning_details: [sealedDetail(sealed, length, this.#details++)] })
  }

  #endPart(): string {
    const part = this.#part
    this.#part = null
    this.#textLength += this.#openTextLength
    if (part?.kind === 'reasoning' && !this.#thought.told && this.#thought.length > 0) {
      this.#untold = this.#thought.length
    }
    if (part?.kind !== 'call' || part.style !== 'json' || this.#argsSeen) return ''
    return this.#sayArgs('{}')
  }

  #finish({ finish, extensions }: Extract<StreamEvent, { type: 'finish' }>): string {
    const { request, streamUsage } = this.#encoding
    const said = { calls: this.#calls > 0, refusal: this.#refused, legacy: request.legacyCalls === true }
    const reason = writeFinish(finish, said)
    // No finish reason is made up for an answer that went wrong.
    if (reason === null) {
      const message = 'The provider sent an answer that cannot be read.'
      return line({ error: { message, type: 'server_error', param: null, code: 'upstream_malformed' } })
    }
    reportPause(finish.unified, this.#encoding.losses)
    const own = ownFields(extensions ?? {})
    const tier = writeTier(this.#usage, request)
    let out = this.#say({ ...own.message }, reason, own.choice, { ...tier, ...own.top })
    for (const { index, message, finish_reason } of own.choices) {
      out += this.#chunk({ choices: [{ index, delta: message, logprobs: null, finish_reason }] })
    }
    if (streamUsage) {
      const { service_tier = tier['service_tier'] } = own.top
      const served = service_tier === undefined ? {} : { service_tier }
      out += this.#chunk({ choices: [], usage: writeUsage(this.#usage) ?? null, ...served })
    }
    return `${out}data: [DONE]\n\n`
  }
}

function line(data: Json): string {
  return `data: ${JSON.stringify(data)}\n\n`
}
