// Whole answers, both ways. A message has one order: thoughts, text, refusal, pictures, calls.
import type { ChatResponse, Citation, Item, Signature } from '../canonical.ts'
import { readExplanation, reportPause, type ResponseDecoding, type ResponseEncoding } from '../codec.ts'
import { asCount, asObject, asText, type JsonObject } from '../read.ts'
import { isCertainlyWhole } from '../whole-calls.ts'
import { createAnswerFields, ownFields } from './answer-fields.ts'
import { callItem, finishArgs, readCallPiece, readThought, writeThought } from './calls.ts'
import { readAnnotations, readSources, WITHOUT_ADDRESS, writeAnnotation } from './citations.ts'
import { readFinish, writeFinish } from './finish.ts'
import { readMedia } from './media.ts'
import { asObjects, compact, missingCallId } from './names.ts'
import { addToText, itemOfPart, readContent, shiftCitations, type Part } from './parts.ts'
import { BETWEEN_THOUGHTS, readThoughts, reasoningItem, sealedDetail, type OpenState } from './reasoning.ts'
import { splitThinkTags } from './think-tags.ts'
import { readChatUsage } from './usage.ts'
import { writeTier, writeUsage } from './usage-encode.ts'

/** A provider's state is its own, and the account's it answered. */
export function answerState({ provider, account, model }: ResponseDecoding): OpenState {
  return (value, slot) => ({ provider, account, model, value, ...slot })
}

export function decodeChatResponse(body: JsonObject, decoding: ResponseDecoding): ChatResponse {
  const id = asText(body['id']) ?? ''
  const choices = asObjects(body['choices'])
  const choice = choices.find(({ index }) => index === 0) ?? choices[0]
  const message = asObject(choice?.['message']) ?? asObject(choice?.['delta']) ?? {}
  const items = decodeAnswer(message, body, id, decoding)
  const said = {
    calls: items.some(({ kind }) => kind === 'call'),
    refusal: items.some(({ kind }) => kind === 'refusal'),
  }
  const fields = createAnswerFields()
  fields.add(body)
  decoding.onUsage?.(asObject(body['usage']))
  return {
    id,
    model: asText(body['model']) ?? '',
    created: asCount(body['created']) ?? 0,
    items,
    // A choice that neither says why it ended nor anything whole is no answer.
    finish:
      choice && (asText(choice['finish_reason']) || (items.length > 0 && callsOf(message).every(isWhole)))
        ? readFinish(choice['finish_reason'], choice['stop_reason'], said)
        : { unified: 'malformed', raw: '' },
    usage: readChatUsage(body['usage'], body['service_tier']),
    extensions: fields.extensions(),
  }
}

function decodeAnswer(message: JsonObject, body: JsonObject, id: string, decoding: ResponseDecoding): Item[] {
  const open = answerState(decoding)
  const items: Item[] = readThoughts(message, open).map((thought) => reasoningItem(thought, 0))
  for (const part of readContent(message['content'])) items.push(...itemsOfPart(part, decoding))
  const annotations = readAnnotations(message['annotations'])
  const thought = readThought(message)
  const signature = thought ? open(thought, { kind: 'thought' }) : undefined
  addToText(items, annotations.length > 0 ? annotations : readSources(body), signature, 0)
  const refusal = asText(message['refusal'])
  if (refusal) items.push({ kind: 'refusal', turn: 0, text: refusal })
  for (const image of asObjects(message['images'])) {
    const media = readMedia(image)
    if (media) items.push({ kind: 'media', turn: 0, role: 'assistant', ...media })
  }
  items.push(...decodeCalls(message, id, decoding))
  return items
}

function itemsOfPart(part: Part, { dialect }: ResponseDecoding): Item[] {
  if (part.kind !== 'text' || dialect?.reasoningOut !== 'think_tags') return [itemOfPart(part, 'assistant', 0)]
  return splitThinkTags(part.text).map(({ kind, text }) =>
    kind === 'text' ? { kind, turn: 0, role: 'assistant', text } : { kind, turn: 0, text },
  )
}

function callsOf(message: JsonObject): JsonObject[] {
  const legacy = asObject(message['function_call'])
  const listed = asObjects(message['tool_calls'])
  return listed.length > 0 || !asText(legacy?.['name']) ? listed : [{ function: legacy }]
}

function isWhole(call: JsonObject): boolean {
  const { custom, args } = readCallPiece(call)
  return !custom && isCertainlyWhole(args)
}

function decodeCalls(message: JsonObject, answerId: string, decoding: ResponseDecoding): Item[] {
  return callsOf(message).map((raw, number) => {
    const piece = readCallPiece(raw)
    const tool = decoding.restoreTool(piece.name)
    if (tool.asText) return { kind: 'text', turn: 0, role: 'assistant', text: piece.args }
    const id = piece.id === '' ? missingCallId(decoding.requestId ?? answerId, number) : piece.id
    const signature = piece.thought ? answerState(decoding)(piece.thought, { kind: 'thought' }) : undefined
    return callItem(piece, { turn: 0, id, tool, signature, raw: {} })
  })
}

/** Ours, in this dialect's form. */
export function answerId({ requestId }: ResponseEncoding): string {
  return `chatcmpl-${requestId.replace(/^req_/, '')}`
}

export function encodeChatResponse(response: ChatResponse, encoding: ResponseEncoding): Record<string, unknown> {
  const writer = new MessageWriter(encoding)
  for (const item of response.items) writer.add(item)
  const explanation = response.items.some(({ kind }) => kind === 'refusal') ? null : readExplanation(response.finish)
  if (explanation !== null) writer.add({ kind: 'refusal', turn: 0, text: explanation })
  const { message, said } = writer.write()
  const own = ownFields(response.extensions)
  const reason = writeFinish(response.finish, { ...said, legacy: encoding.request.legacyCalls === true })
  reportPause(response.finish.unified, encoding.losses)
  const choice = {
    index: 0,
    message: { ...message, ...own.message },
    logprobs: null,
    ...own.choice,
    finish_reason: reason ?? 'error',
  }
  return compact({
    id: answerId(encoding),
    object: 'chat.completion',
    created: encoding.created,
    model: encoding.requestedModel,
    choices: [choice, ...own.choices],
    usage: writeUsage(response.usage),
    ...writeTier(response.usage, encoding.request),
    ...own.top,
  })
}

/** The name a client of this dialect knows a call by: it has no namespaces. */
export function callName({ name, namespace }: { name: string; namespace?: string | undefined }): string {
  return namespace === undefined ? name : `${namespace}__${name}`
}

export function writeImage(source: Extract<Item, { kind: 'media' }>['source']): Record<string, unknown> | null {
  if (source.from === 'file') return null
  const url = source.from === 'url' ? source.url : `data:${source.mime};base64,${source.data}`
  return { type: 'image_url', image_url: { url } }
}

class MessageWriter {
  readonly #encoding: ResponseEncoding
  #text = ''
  #refusal = ''
  #thoughts = ''
  #opened = false // a text stood there, be it empty
  readonly #details: Record<string, unknown>[] = []
  readonly #thoughtsSeen: { readonly length: number; readonly sealed: string | null }[] = []
  readonly #citations: Citation[] = []
  readonly #images: Record<string, unknown>[] = []
  readonly #calls: Record<string, unknown>[] = []
  #state: Signature | undefined

  constructor(encoding: ResponseEncoding) {
    this.#encoding = encoding
  }

  add(item: Item): void {
    const { losses, sealEnvelope } = this.#encoding
    switch (item.kind) {
      case 'text':
        this.#citations.push(...shiftCitations(item.citations ?? [], this.#text.length))
        this.#text += item.text
        this.#opened = true
        this.#state = item.signature ?? this.#state
        break
      case 'refusal':
        this.#refusal += item.text
        break
      case 'reasoning':
        if (item.text !== '' && this.#thoughts !== '') this.#thoughts += BETWEEN_THOUGHTS
        this.#thoughts += item.text
        this.#thoughtsSeen.push({
          length: item.text.length,
          sealed: item.signature ? sealEnvelope(item.signature) : null,
        })
        break
      case 'media': {
        const image = item.media === 'image' ? writeImage(item.source) : null
        if (image) this.#images.push(image)
        else losses.drop('media', 'answers of this dialect have no slot for it')
        break
      }
      case 'call':
        this.#calls.push(writeCall(item, this.#encoding))
        break
      case 'opaque':
        losses.drop('provider_items', 'what a provider’s own tools did is known there only')
        break
      case 'result':
        break
    }
  }

  write(): { message: Record<string, unknown>; said: { calls: boolean; refusal: boolean } } {
    const { legacyCalls } = this.#encoding.request
    this.#writeDetails()
    const message: Record<string, unknown> = {
      role: 'assistant',
      content: this.#text !== '' || (this.#calls.length === 0 && this.#refusal === '') ? this.#text : null,
      refusal: this.#refusal === '' ? null : this.#refusal,
    }
    if (this.#thoughts !== '') message['reasoning_content'] = this.#thoughts
    if (this.#details.length > 0) message['reasoning_details'] = this.#details
    const annotations = this.#citations.flatMap((citation) => writeAnnotation(citation, 0) ?? [])
    if (annotations.length < this.#citations.length) this.#encoding.losses.drop('citations', WITHOUT_ADDRESS)
    if (annotations.length > 0) message['annotations'] = annotations
    if (this.#state && this.#opened) Object.assign(message, writeThought(this.#encoding.sealEnvelope(this.#state)))
    if (this.#images.length > 0) message['images'] = this.#images
    if (this.#calls.length > 0) {
      if (legacyCalls) Object.assign(message, this.#writeLegacy())
      else message['tool_calls'] = this.#calls
    }
    return { message, said: { calls: this.#calls.length > 0, refusal: this.#refusal !== '' } }
  }

  // Only where there is state, or several thoughts to keep apart; the last of several without state needs no entry.
  #writeDetails(): void {
    const seen = this.#thoughtsSeen
    const last = seen.findLastIndex(({ length, sealed }) => length > 0 || sealed !== null)
    for (const [index, { length, sealed }] of seen.entries()) {
      if (sealed !== null || index < last) this.#details.push(sealedDetail(sealed, length, this.#details.length))
    }
  }

  #writeLegacy(): Record<string, unknown> {
    if (this.#calls.length > 1) this.#encoding.losses.drop('tool_calls', 'the older form has room for one call')
    const called = asObject(this.#calls[0]?.['function'])
    return called ? { function_call: called } : {}
  }
}

function writeCall(item: Extract<Item, { kind: 'call' }>, encoding: ResponseEncoding): Record<string, unknown> {
  const { id, argsText, signature, style } = item
  const name = callName(item)
  const state = signature ? writeThought(encoding.sealEnvelope(signature)) : {}
  if (style === 'freeform') return { id, type: 'custom', custom: { name, input: argsText }, ...state }
  const args = finishArgs(argsText, item, false)
  return { id, type: 'function', function: { name, arguments: args }, ...state }
}
