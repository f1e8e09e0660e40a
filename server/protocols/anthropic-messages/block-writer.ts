// Events of the middle model as this dialect's stream events: blocks numbered from 0 without gaps, one after the other,
// none of them empty. A whole answer is these events folded up, so the two cannot come to differ. An answer ends with
// what it says: clients read the last block, and Claude Code takes thoughts at the end for an answer without words.
import type { Citation, PartMeta, Signature, StreamEvent } from '../canonical.ts'
import type { ResponseEncoding } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { writeCitation } from './citations.ts'
import { ownExtra, PROTOCOL } from './names.ts'

export type WireEvent =
  | { readonly type: 'content_block_start'; readonly index: number; readonly content_block: JsonObject }
  | { readonly type: 'content_block_delta'; readonly index: number; readonly delta: JsonObject }
  | { readonly type: 'content_block_stop'; readonly index: number }

export interface BlockWriter {
  readonly calls: boolean
  readonly refusal: boolean
  push(event: Extract<StreamEvent, { type: 'part-start' | 'part-delta' | 'part-end' }>): WireEvent[]
}

interface Part {
  readonly meta: PartMeta
  /** A block stands open for it. */
  open: boolean
  text: string
  /** State told at the end of a thinking block, or in a block of its own behind another one. */
  state: Signature | null
}

type Encoding = Pick<ResponseEncoding, 'requestId' | 'sealEnvelope' | 'losses'>

// size: one answer's state, and one short function for each kind of part.
export function createBlockWriter({ requestId, sealEnvelope, losses }: Encoding): BlockWriter {
  let out: WireEvent[] = []
  let index = 0
  let part: Part | null = null
  let calls = 0
  /** State behind a text, until another block follows; behind the last one the gateway alone keeps it. */
  let waiting: Signature[] = []

  const say = (delta: JsonObject): void => void out.push({ type: 'content_block_delta', index, delta })
  const stop = (): void => void out.push({ type: 'content_block_stop', index: index++ })

  function start(block: JsonObject): void {
    const before = waiting
    waiting = []
    for (const signature of before) writeCarrier(signature, undefined)
    out.push({ type: 'content_block_start', index, content_block: block })
  }

  function ensureOpen(current: Part): void {
    if (current.open) return
    current.open = true
    const { meta } = current
    if (meta.kind === 'reasoning') start({ type: 'thinking', thinking: '', signature: '' })
    else if (meta.kind === 'call') {
      calls++
      writer.calls = true
      const id = meta.id === '' ? `toolu_${requestId.replace(/^req_/, '')}_${calls}` : meta.id
      start({ type: 'tool_use', id, name: nameOf(meta), input: {}, ...ownExtra(meta.extra) })
    } else start({ type: 'text', text: '' })
  }

  function writeText(current: Part, kind: 'text' | 'args' | 'reasoning' | 'refusal', text: string): void {
    if (text === '') return
    current.text += text
    const { meta } = current
    if (meta.kind === 'call' && meta.style === 'freeform') return
    ensureOpen(current)
    if (kind === 'args') say({ type: 'input_json_delta', partial_json: text })
    else if (kind === 'reasoning') say({ type: 'thinking_delta', thinking: text })
    else say({ type: 'text_delta', text })
    if (kind === 'refusal') writer.refusal = true
  }

  function writeCited(current: Part, citation: Citation): void {
    const wire = writeCitation(citation, current.text)
    if (!wire) return losses.drop('citations', 'a citation without an address')
    ensureOpen(current)
    say({ type: 'citations_delta', citation: wire })
  }

  /** A thinking block that only carries state, of a call or text that has no slot for it here. */
  function writeCarrier(signature: Signature, callId: string | undefined): void {
    const named = callId === undefined || signature.id !== undefined ? signature : { ...signature, id: callId }
    start({ type: 'thinking', thinking: '', signature: '' })
    say({ type: 'signature_delta', signature: sealEnvelope(named) })
    stop()
  }

  function takeState(current: Part, signature: Signature): void {
    const { meta } = current
    if (meta.kind === 'call' && !current.open) writeCarrier(signature, meta.id)
    else current.state = signature
  }

  function endReasoning(current: Part): void {
    const { state } = current
    if (state?.kind === 'redacted' && !current.open) {
      start({ type: 'redacted_thinking', data: sealEnvelope(state) })
      stop()
      return
    }
    if (state?.kind === 'thought' && !current.open && index > 0) return void waiting.push(state)
    if (state) {
      ensureOpen(current)
      say({ type: 'signature_delta', signature: sealEnvelope(state) })
    }
    if (current.open) stop()
  }

  function endPart(current: Part): void {
    const { meta, text, state } = current
    switch (meta.kind) {
      case 'reasoning':
        return endReasoning(current)
      case 'opaque':
        return writeOpaque(meta.protocol, asObject(meta.raw) ?? {})
      case 'media':
        return losses.drop('media', 'answers hold text and calls alone here')
      case 'call':
        if (meta.style === 'freeform') {
          ensureOpen(current)
          say({ type: 'input_json_delta', partial_json: JSON.stringify({ input: text }) })
        } else if (!current.open) {
          ensureOpen(current)
          say({ type: 'input_json_delta', partial_json: '{}' })
        }
    }
    if (current.open) stop()
    if (state && meta.kind === 'call') writeCarrier(state, meta.id)
    else if (state) waiting.push(state)
  }

  function writeOpaque(protocol: string, raw: JsonObject): void {
    if (protocol !== PROTOCOL) return losses.drop('provider_items', 'what a provider ran has no counterpart here')
    const type = asText(raw['type']) ?? ''
    const input = type.endsWith('tool_use') ? asObject(raw['input']) : null
    const content = type === 'compaction' ? asText(raw['content']) : null
    start({ ...raw, ...(input ? { input: {} } : {}), ...(content === null ? {} : { content: null }) })
    if (input && Object.keys(input).length > 0) say({ type: 'input_json_delta', partial_json: JSON.stringify(input) })
    if (content !== null) say({ type: 'compaction_delta', content })
    stop()
  }

  // Not getters: V8 puts those of object literals into old space, and one is made for every answer.
  const writer = {
    calls: false,
    refusal: false,
    push(event: Parameters<BlockWriter['push']>[0]): WireEvent[] {
      if (event.type === 'part-start') part = { meta: event.part, open: false, text: '', state: null }
      else if (part && event.type === 'part-end') {
        endPart(part)
        part = null
      } else if (part && event.type === 'part-delta') {
        const { delta } = event
        if (delta.kind === 'signature') takeState(part, delta.signature)
        else if (delta.kind === 'citation') writeCited(part, delta.citation)
        else writeText(part, delta.kind, delta.text)
      }
      const events = out
      out = []
      return events
    },
  }
  return writer
}

function nameOf({ name, namespace }: Extract<PartMeta, { kind: 'call' }>): string {
  return namespace === undefined ? name : `${namespace}__${name}`
}
