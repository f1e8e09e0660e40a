// One assistant message: thoughts, then text, then calls, whatever order they came in; the dialect knows no other.
import type { CallItem, Citation, Item, ReasoningItem, Signature } from '../canonical.ts'
import { writeCache } from './cache.ts'
import { unwrapFreeform, wrapFreeform, writeThought } from './calls.ts'
import { writeMedia } from './media.ts'
import { contentOf, textPart, type Message, type MessageEncoding } from './writing.ts'
import { CHAT, ownExtra, wireCallId } from './names.ts'
import { nativeDetails } from './reasoning.ts'
import { writeThinkTags } from './think-tags.ts'

export class AssistantMessage {
  /** Ids as the client wrote them, and where the calls stand among the items. */
  readonly calls: { readonly id: string; readonly at: number }[] = []
  readonly #encoding: MessageEncoding
  readonly #parts: Message[] = []
  readonly #calls: Message[] = []
  readonly #details: Message[] = []
  readonly #extra: Message = {}
  #thoughts = ''
  #refusal = ''
  #turn: number | null = null
  #onlyThoughts = true

  constructor(encoding: MessageEncoding) {
    this.#encoding = encoding
  }

  /** Does this item belong to the same message? Where turns are not messages, calls do, and what follows thoughts. */
  takes(item: Item): boolean {
    if (this.#turn === null || item.turn === this.#turn) return true
    return !this.#encoding.native && (item.kind === 'call' || this.#onlyThoughts)
  }

  add(item: Item, at: number): void {
    this.#turn = item.turn
    if (item.kind !== 'reasoning') this.#onlyThoughts = false
    Object.assign(this.#extra, ownExtra(item.extra))
    switch (item.kind) {
      case 'reasoning':
        this.#addThought(item)
        break
      case 'text':
        this.#addText(item.text, item.cache, item.citations ?? [])
        if (item.signature && this.#owns(item.signature)) {
          Object.assign(this.#extra, writeThought(item.signature.value))
        }
        break
      case 'refusal':
        this.#refusal += item.text
        break
      case 'media':
        this.#parts.push({ ...writeMedia(item, this.#encoding), ...writeCache(item.cache, this.#encoding) })
        break
      case 'call':
        this.calls.push({ id: item.id, at })
        this.#calls.push(this.#writeCall(item))
        break
      case 'opaque':
        if (item.protocol === CHAT) this.#parts.push({ ...(item.raw as Message) })
        else this.#encoding.losses.drop('provider_items', 'what a provider’s own tools did is known there only')
        break
      case 'result':
        break
    }
  }

  /** null where nothing is left to say. */
  write(): Message | null {
    const { reasoningOut } = this.#encoding.profile.dialect
    const parts = this.#parts
    const message: Message = {}
    if (this.#thoughts !== '') {
      if (reasoningOut === 'think_tags') parts.unshift({ type: 'text', text: writeThinkTags(this.#thoughts) })
      else if (reasoningOut === 'thinking_parts') {
        parts.unshift({ type: 'thinking', thinking: [{ type: 'text', text: this.#thoughts }] })
      } else message[reasoningOut] = this.#thoughts
    }
    if (this.#details.length > 0) {
      message['reasoning_details'] = this.#details.map((detail, index) => ({ ...detail, index }))
    }
    if (this.#refusal !== '') message['refusal'] = this.#refusal
    if (this.#calls.length > 0) message['tool_calls'] = this.#calls
    if (parts.length === 0 && Object.keys(message).length === 0 && Object.keys(this.#extra).length === 0) return null
    const empty = this.#calls.length > 0 || this.#refusal !== '' || this.#extra['audio'] ? null : ''
    return { role: 'assistant', content: parts.length > 0 ? contentOf(parts) : empty, ...message, ...this.#extra }
  }

  #addText(text: string, cache: Item['cache'], citations: readonly Citation[]): void {
    if (citations.length > 0) this.#encoding.losses.drop('citations', 'a text handed back has none here')
    if (text !== '') this.#parts.push(textPart(text, cache, this.#encoding))
  }

  #addThought(item: ReasoningItem): void {
    const { profile, native, losses } = this.#encoding
    const { signature } = item
    if (signature && this.#owns(signature)) {
      this.#details.push(...nativeDetails(item, signature))
      return
    }
    if (item.text === '') return
    // Thoughts of another model are not handed on as text unless the server wants thoughts back.
    if (profile.dialect.replayReasoning || native) {
      this.#thoughts += this.#thoughts === '' ? item.text : `\n\n${item.text}`
    } else losses.drop('thoughts', 'the provider takes no thoughts of earlier turns')
  }

  #writeCall(item: CallItem): Message {
    const { profile, names, hash8 } = this.#encoding
    const { dialect } = profile
    const id = wireCallId(item.id, dialect.idRule, hash8)
    const name = names.wireName(item.name, item.namespace)
    const freeform = item.style === 'freeform'
    const state = item.signature && this.#owns(item.signature) ? writeThought(item.signature.value) : {}
    const more = { ...state, ...writeCache(item.cache, this.#encoding) }
    if (freeform && dialect.customTools) {
      return { id, type: 'custom', custom: { name, input: item.argsText }, ...more }
    }
    const args = freeform ? wrapFreeform(unwrapFreeform(item.argsText)) : this.#jsonArgs(item.argsText)
    return { id, type: 'function', function: { name, arguments: args }, ...more }
  }

  #jsonArgs(text: string): string {
    return text.trim() === '' ? '{}' : text
  }

  /** Did the account that will serve make this state? Anything else is left out, and said so. */
  #owns({ provider, account }: Signature): boolean {
    const encoding = this.#encoding
    const known = provider === encoding.provider && (account === '' || account === encoding.account)
    // What the client wrote natively in this dialect is for the server to judge.
    const own = known || (encoding.native && (provider === CHAT || provider === ''))
    if (!own) encoding.losses.drop('reasoning_state', 'it was made by another provider or account')
    return own
  }
}
