// Calls of tools, whole and in the pieces of a stream.
import type { CallItem, Signature } from '../canonical.ts'
import type { KnownTool } from '../tool-names.ts'
import { asObject, asText, parseJson, type JsonObject } from '../read.ts'
import { cached } from './cache.ts'

/** What one entry of `tool_calls` says; pieces of a stream leave most of it out. */
export interface CallPiece {
  readonly id: string
  readonly name: string
  readonly args: string
  readonly custom: boolean
  /** The value in Google's slot. */
  readonly thought: string | null
}

export function readCallPiece(call: JsonObject): CallPiece {
  const called = asObject(call['function'])
  const custom = asObject(call['custom'])
  const name = asText(called?.['name']) ?? ''
  const customName = asText(custom?.['name']) ?? ''
  // Some servers fill in both, one of them empty.
  const isCustom = custom !== null && (call['type'] === 'custom' || !called) && (customName !== '' || name === '')
  return {
    id: asText(call['id']) ?? '',
    name: isCustom ? customName : name,
    args: isCustom ? (asText(custom['input']) ?? '') : argsTextOf(called?.['arguments']),
    custom: isCustom,
    thought: readThought(call),
  }
}

/** Google's slot for reasoning state, on a call or on a message. */
export function readThought(holder: JsonObject): string | null {
  return asText(asObject(asObject(holder['extra_content'])?.['google'])?.['thought_signature'])
}

export function writeThought(value: string): Record<string, unknown> {
  return { extra_content: { google: { thought_signature: value } } }
}

// Arguments are text here; some servers send the object.
function argsTextOf(value: unknown): string {
  if (typeof value === 'string') return value
  return asObject(value) ? JSON.stringify(value) : ''
}

/** A call with its arguments complete: no arguments are an empty object, a freeform tool's are out of their object. */
export function finishArgs(args: string, tool: Pick<KnownTool, 'style'>, custom: boolean): string {
  if (tool.style === 'freeform') return custom ? args : unwrapFreeform(args)
  return args.trim() === '' ? `${args}{}` : args
}

export function callItem(
  piece: CallPiece,
  known: { turn: number; id: string; tool: KnownTool; signature?: Signature | undefined; raw: JsonObject },
): CallItem {
  const { turn, id, tool, signature, raw } = known
  const style = piece.custom ? 'freeform' : tool.style
  return {
    kind: 'call',
    turn,
    id,
    name: tool.name,
    ...(tool.namespace === undefined ? {} : { namespace: tool.namespace }),
    argsText: finishArgs(piece.args, { style }, piece.custom),
    style,
    ...(signature ? { signature } : {}),
    ...cached(raw),
  }
}

/** What a freeform tool was called with, out of the one-field object it travels in. */
export function unwrapFreeform(args: string): string {
  return asText(asObject(parseJson(args))?.['input']) ?? args
}

export function wrapFreeform(text: string): string {
  return JSON.stringify({ input: text })
}
