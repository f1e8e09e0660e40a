// Items as messages. Calls of one assistant turn stand on one message, their results directly behind it, one for each;
// what a tool message cannot hold follows as a user message.
import { FirstByKey } from '../../kernel/first-by-key.ts'
import type { ChatRequest, Instruction, Item, ResultItem } from '../canonical.ts'
import type { RequestEncoding } from '../codec.ts'
import { tellSummaries } from '../foreign.ts'
import { withoutSecondResults } from '../tool-results.ts'
import { AssistantMessage } from './assistant-message.ts'
import { writeCache } from './cache.ts'
import { writeMedia } from './media.ts'
import { CHAT, ownExtra, wireCallId } from './names.ts'
import { writeResult } from './result-encode.ts'
import { contentOf, textPart, type Message, type MessageEncoding } from './writing.ts'

export function encodeMessages(request: ChatRequest, encoding: MessageEncoding): Message[] {
  const items = tellSummaries(withoutSecondResults(request.items, encoding.losses), CHAT, encoding.losses)
  return [...encodeInstructions(request.instructions, encoding), ...new MessageWriter(items, encoding).write()]
}

function encodeInstructions(instructions: readonly Instruction[], encoding: MessageEncoding): Message[] {
  const messages: { role: string; parts: Message[] }[] = []
  for (const { role, text, cache } of instructions) {
    // Claude Code's first system block is for Anthropic's bookkeeping, not for a model.
    if (text.startsWith('x-anthropic-billing-header:')) continue
    const said = systemRole(role, encoding)
    const before = messages.at(-1)
    const part = textPart(text, cache, encoding)
    if (before?.role === said) before.parts.push(part)
    else messages.push({ role: said, parts: [part] })
  }
  return messages.map(({ role, parts }) => ({ role, content: contentOf(parts) }))
}

function systemRole(role: 'system' | 'developer', { profile }: RequestEncoding): string {
  return role === 'developer' && !profile.dialect.developerRole ? 'system' : role
}

class MessageWriter {
  readonly #items: readonly Item[]
  readonly #encoding: MessageEncoding
  readonly #messages: Message[] = []
  readonly #results = new FirstByKey<number>()
  #assistant: AssistantMessage | null = null
  #plain: { role: string; turn: number; parts: Message[]; extra: Message } | null = null

  constructor(items: readonly Item[], encoding: MessageEncoding) {
    this.#items = items
    this.#encoding = encoding
    for (const [at, item] of items.entries()) if (item.kind === 'result') this.#results.add(at, [item.callId], at)
  }

  write(): Message[] {
    for (const [at, item] of this.#items.entries()) {
      if (item.kind === 'result') {
        this.#flush(at)
        if (!this.#results.wasTaken(at)) this.#writeResults([item])
      } else if ('role' in item && item.role !== 'assistant') this.#addPlain(item, at)
      else this.#addAssistant(item, at)
    }
    this.#flush(this.#items.length)
    return this.#messages
  }

  #addAssistant(item: Item, at: number): void {
    if (this.#plain || !this.#assistant?.takes(item)) this.#flush(at)
    this.#assistant ??= new AssistantMessage(this.#encoding)
    this.#assistant.add(item, at)
  }

  #addPlain(item: Item & { role: string }, at: number): void {
    const { profile, losses } = this.#encoding
    const part = this.#plainPart(item)
    if (!part) return
    let { role } = item
    if (role === 'system' || role === 'developer') {
      if (profile.dialect.midSystem) role = systemRole(role, this.#encoding)
      else {
        losses.approximate('system', 'a system message inside the conversation became user text')
        if (part['type'] === 'text') part['text'] = `<system-reminder>\n${String(part['text'])}\n</system-reminder>`
        role = 'user'
      }
    }
    if (this.#assistant || this.#plain?.role !== role || this.#plain.turn !== item.turn) this.#flush(at)
    this.#plain ??= { role, turn: item.turn, parts: [], extra: {} }
    this.#plain.parts.push(part)
    Object.assign(this.#plain.extra, ownExtra(item.extra))
  }

  #plainPart(item: Item): Message | null {
    const encoding = this.#encoding
    switch (item.kind) {
      case 'text':
        if (item.signature) encoding.losses.drop('reasoning_state', 'the text it hangs on is not the assistant’s')
        return item.text === '' ? null : textPart(item.text, item.cache, encoding)
      case 'media':
        return { ...writeMedia(item, encoding), ...writeCache(item.cache, encoding) }
      case 'opaque':
        if (item.protocol === CHAT) return { ...(item.raw as Message) }
        encoding.losses.drop('provider_items', 'a kind of content that only its own provider knows')
        return null
      default:
        return null
    }
  }

  /** Ends the open message; `at`: how far the items are written. */
  #flush(at: number): void {
    if (this.#plain) {
      const { role, parts, extra } = this.#plain
      this.#messages.push({ role, content: contentOf(parts), ...extra })
      this.#plain = null
    }
    if (!this.#assistant) return
    const { calls } = this.#assistant
    const message = this.#assistant.write()
    this.#assistant = null
    if (!message) return
    this.#messages.push(message)
    if (calls.length > 0) this.#writeResults(this.#resultsOf(calls, at))
  }

  /**
   * The results of these calls wherever they stand behind them, in their order; an error stands in for a missing one.
   */
  #resultsOf(calls: readonly { id: string; at: number }[], from: number): ResultItem[] {
    const found: { at: number; item: ResultItem }[] = []
    const missing: ResultItem[] = []
    for (const call of calls) {
      const at = this.#results.take(call.id, call.at + 1)
      const item = at === undefined ? undefined : this.#items[at]
      if (at !== undefined && item?.kind === 'result') found.push({ at, item })
      else missing.push(missingResult(call.id))
    }
    // Where the conversation ends with the calls, nobody says that there were results.
    if (found.length === 0 && from >= this.#items.length) return []
    if (missing.length > 0) {
      this.#encoding.losses.approximate('tool_result', 'a call without a result was given an error as its result')
    }
    return [...found.toSorted((a, b) => a.at - b.at).map(({ item }) => item), ...missing]
  }

  #writeResults(results: readonly ResultItem[]): void {
    const beside: Message[] = []
    const { hash8, profile } = this.#encoding
    for (const result of results) {
      const { content, more } = writeResult(result, this.#encoding)
      beside.push(...more)
      const id = wireCallId(result.callId, profile.dialect.idRule, hash8)
      this.#messages.push({ role: 'tool', tool_call_id: id, ...content, ...ownExtra(result.extra) })
    }
    if (beside.length > 0) this.#messages.push({ role: 'user', content: beside })
  }
}

function missingResult(callId: string): ResultItem {
  return {
    kind: 'result',
    turn: 0,
    callId,
    parts: [{ kind: 'text', text: 'no result was given for this call' }],
    isError: true,
    style: 'json',
  }
}
