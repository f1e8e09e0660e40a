// An answer's blocks as events of the middle model. A stream brings them in pieces, a whole answer at once; both are
// read here, so they cannot come to differ.
import type { Extras, Finish, PartMeta, Signature, StreamEvent } from '../canonical.ts'
import type { ResponseDecoding } from '../codec.ts'
import { createPartSequencer } from '../part-sequencer.ts'
import { asObject, asText, parseJson, type JsonObject } from '../read.ts'
import type { KnownTool } from '../tool-names.ts'
import { readCitation } from './citations.ts'
import { readFinish } from './finish.ts'
import { PROTOCOL } from './names.ts'
import { argsOfInput, readBlock, unwrapFreeform, type Block } from './parts.ts'
import { readAnthropicUsage } from './usage.ts'

/** Counts that the middle model holds; what else stands in `usage` is kept beside. */
const COUNTS: ReadonlySet<string> = new Set([
  'input_tokens',
  'cache_creation_input_tokens',
  'cache_read_input_tokens',
  'cache_creation',
  'output_tokens',
  'output_tokens_details',
])

interface OpenBlock {
  readonly block: Block
  readonly tool: KnownTool | null
  /** Arguments as they came; those of a call that streams are passed on at once. */
  args: string
  signature: string
  /** Of an opaque block: what its deltas added. */
  raw: Record<string, unknown>
}

export interface AnswerReader {
  start(message: JsonObject): void
  open(key: string, block: JsonObject): void
  has(key: string): boolean
  delta(key: string, delta: JsonObject): void
  close(key: string): void
  usage(value: JsonObject | null): void
  /** Why it stopped, and what is said of the whole answer. */
  stop(fields: JsonObject): void
  finish(): void
  take(): StreamEvent[]
}

// size: one answer's state, and one short function for each thing that can happen to it.
export function createAnswerReader(decoding: ResponseDecoding): AnswerReader {
  const sequencer = createPartSequencer()
  const blocks = new Map<string, OpenBlock>()
  let out: StreamEvent[] = []
  let started = false
  let calls = false
  let said = false
  let usage: JsonObject | null = null
  let end: Record<string, unknown> = {}

  const emit = (event?: StreamEvent): void => {
    sequencer.moveTo(out)
    if (event) out.push(event)
  }
  const stateOf = (kind: Signature['kind'], value: string): Signature => {
    const { provider, account, model } = decoding
    return { provider, account, model, kind, value }
  }

  function start(message: JsonObject): void {
    if (started) return
    started = true
    emit({
      type: 'response-start',
      id: asText(message['id']) ?? '',
      model: asText(message['model']) ?? '',
      created: 0,
    })
  }

  function open(key: string, raw: JsonObject): void {
    said = true
    const block = readBlock(raw)
    const tool = block.kind === 'call' ? decoding.restoreTool(block.name) : null
    const signature = block.kind === 'thinking' ? block.signature : block.kind === 'redacted' ? block.data : ''
    blocks.set(key, { block, tool, args: '', signature, raw: { ...raw } })
    if (block.kind === 'call' && !tool?.asText) calls = true
    sequencer.start(key, metaOf(block, tool))
    if (block.kind === 'text') {
      if (block.text !== '') sequencer.delta(key, { kind: 'text', text: block.text })
      for (const citation of block.citations) sequencer.delta(key, { kind: 'citation', citation })
    } else if (block.kind === 'thinking' && block.text !== '') {
      sequencer.delta(key, { kind: 'reasoning', text: block.text })
    }
    emit()
  }

  function delta(key: string, fields: JsonObject): void {
    const open = blocks.get(key)
    if (!open) return
    if (isRaw(open.block)) return addToRaw(open, fields)
    const text = (field: string): string => asText(fields[field]) ?? ''
    switch (fields['type']) {
      case 'text_delta':
        if (open.block.kind === 'text') sequencer.delta(key, { kind: 'text', text: text('text') })
        break
      case 'thinking_delta':
        if (open.block.kind === 'thinking') sequencer.delta(key, { kind: 'reasoning', text: text('thinking') })
        break
      case 'signature_delta':
        open.signature = text('signature')
        break
      case 'input_json_delta':
        takeArguments(key, open, text('partial_json'))
        break
      case 'citations_delta': {
        const citation = readCitation(fields['citation'])
        if (citation && open.block.kind === 'text') sequencer.delta(key, { kind: 'citation', citation })
        break
      }
    }
    emit()
  }

  function takeArguments(key: string, open: OpenBlock, piece: string): void {
    if (open.block.kind !== 'call' || piece === '') return
    open.args += piece
    // What a freeform tool was called with can only be unwrapped when it is whole.
    if (open.tool?.style !== 'freeform') {
      sequencer.delta(key, { kind: open.tool?.asText ? 'text' : 'args', text: piece })
    }
  }

  function close(key: string): void {
    const open = blocks.get(key)
    if (!open) return
    blocks.delete(key)
    const { block, tool } = open
    if (block.kind === 'call') {
      const whole = open.args === '' ? argsOfInput(block.input) : open.args
      if (tool?.style === 'freeform') sequencer.delta(key, { kind: 'args', text: unwrapFreeform(whole) })
      else if (open.args === '') sequencer.delta(key, { kind: tool?.asText ? 'text' : 'args', text: whole })
    } else if (isRaw(block)) {
      sequencer.describe(key, { kind: 'opaque', protocol: PROTOCOL, raw: rawOf(open) })
    } else if (open.signature !== '') {
      const kind = block.kind === 'redacted' ? 'redacted' : 'signature'
      sequencer.delta(key, { kind: 'signature', signature: stateOf(kind, open.signature) })
    }
    sequencer.end(key)
    emit()
  }

  return {
    start,
    open,
    has: (key) => blocks.has(key),
    delta,
    close,
    usage(value) {
      if (!value) return
      usage = { ...usage, ...withoutNulls(value) }
      decoding.onUsage?.(usage)
      emit({ type: 'usage', usage: readAnthropicUsage(usage) })
    },
    stop(fields) {
      end = { ...end, ...withoutNulls(fields) }
    },
    finish() {
      for (const key of blocks.keys()) close(key)
      const extensions = extensionsOf(end, usage)
      // What neither says anything nor why it stopped is no answer.
      const finish: Finish =
        said || asText(end['stop_reason'])
          ? readFinish(end['stop_reason'], end['stop_sequence'], end['stop_details'], calls)
          : { unified: 'malformed', raw: '' }
      emit({ type: 'finish', finish, ...(extensions ? { extensions } : {}) })
    },
    take() {
      const events = out
      out = []
      return events
    },
  }
}

function isRaw(block: Block): boolean {
  return block.kind === 'opaque' || block.kind === 'media' || block.kind === 'result' || block.kind === 'told'
}

/** null: known when its last delta has come. */
function metaOf(block: Block, tool: KnownTool | null): PartMeta | null {
  switch (block.kind) {
    case 'text':
      return { kind: 'text' }
    case 'thinking':
      return { kind: 'reasoning' }
    case 'redacted':
      return { kind: 'reasoning', redacted: true }
    case 'call': {
      if (tool?.asText) return { kind: 'text' }
      const { name, namespace, style } = tool ?? { name: block.name, namespace: undefined, style: 'json' as const }
      const meta = { kind: 'call', id: block.id, name, style } as const
      return {
        ...meta,
        ...(namespace === undefined ? {} : { namespace }),
        ...(block.extra ? { extra: block.extra } : {}),
      }
    }
    default:
      return null
  }
}

function addToRaw(open: OpenBlock, delta: JsonObject): void {
  switch (delta['type']) {
    case 'input_json_delta':
      open.args += asText(delta['partial_json']) ?? ''
      break
    case 'compaction_delta':
      open.raw['content'] = (asText(open.raw['content']) ?? '') + (asText(delta['content']) ?? '')
      break
    case 'text_delta':
      open.raw['text'] = (asText(open.raw['text']) ?? '') + (asText(delta['text']) ?? '')
      break
  }
}

function rawOf({ raw, args }: OpenBlock): JsonObject {
  const input = args === '' ? undefined : parseJson(args)
  return input === undefined ? raw : { ...raw, input }
}

function extensionsOf(end: JsonObject, usage: JsonObject | null): Extras | null {
  const { container, context_management: management } = end
  const counted = Object.entries(usage ?? {}).filter(([key, value]) => !COUNTS.has(key) && !isSearches(key, value))
  const fields = {
    ...(asObject(container) ? { container } : {}),
    ...(asObject(management) ? { context_management: management } : {}),
    ...(counted.length > 0 ? { usage: Object.fromEntries(counted) } : {}),
  }
  return Object.keys(fields).length === 0 ? null : { [PROTOCOL]: fields }
}

/** Of the provider's own tools the middle model counts searches; counts of others are kept beside, with them. */
function isSearches(key: string, value: unknown): boolean {
  if (key !== 'server_tool_use') return false
  return Object.keys(asObject(value) ?? {}).join() === 'web_search_requests'
}

function withoutNulls(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined))
}
