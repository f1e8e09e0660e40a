// The one place that knows Gemini's kinds of parts, for requests, whole answers and streams alike.
import type { Extras, OpaqueItem } from '../canonical.ts'
import type { LossReport } from '../codec.ts'
import { asObject, asText, parseJson, type JsonObject } from '../read.ts'
import { field, GEMINI, isEmpty, restOf } from './fields.ts'
import { readFileData, readInlineData, type Media } from './media.ts'

export type PartContent =
  | { readonly kind: 'text'; readonly text: string; readonly thought: boolean }
  | { readonly kind: 'call'; readonly id: string | null; readonly name: string; readonly args: unknown }
  | {
      readonly kind: 'result'
      readonly id: string | null
      readonly name: string | null
      readonly response: unknown
      readonly parts: unknown
    }
  | ({ readonly kind: 'media' } & Media)
  | { readonly kind: 'opaque'; readonly raw: unknown }

export interface ReadPart {
  readonly content: PartContent
  /** What stands in the slot for a thought signature. */
  readonly slot: unknown
  readonly extra: Extras | undefined
}

const TEXT_FIELDS = around('text')
const CALL_PART_FIELDS = around('functionCall')
const RESULT_PART_FIELDS = around('functionResponse')
const MEDIA_FIELDS = around('inlineData', 'fileData')
const MEDIA_WITHOUT_TEXT_FIELDS = around('inlineData', 'fileData', 'text')
const CALL_FIELDS = new Set(['id', 'name', 'args'])
const RESULT_FIELDS = new Set(['id', 'name', 'response', 'parts'])

/** A part of a client or of the provider; null for what is no part at all. */
export function readPart(value: unknown): ReadPart | null {
  const part = typeof value === 'string' ? { text: value } : asObject(value)
  if (!part) return null
  const slot = field(part, 'thoughtSignature')
  const thought = field(part, 'thought') === true
  const call = asObject(field(part, 'functionCall'))
  if (call) {
    const { name, id } = { name: asText(field(call, 'name')) ?? '', id: readId(call) }
    const rest = { ...restOf(call, CALL_FIELDS), ...restOf(part, CALL_PART_FIELDS) }
    return { content: { kind: 'call', id, name, args: field(call, 'args') }, slot, extra: extraOf(rest) }
  }
  const result = asObject(field(part, 'functionResponse'))
  if (result) {
    const rest = { ...restOf(result, RESULT_FIELDS), ...restOf(part, RESULT_PART_FIELDS) }
    const { response, parts } = { response: field(result, 'response'), parts: field(result, 'parts') }
    const name = asText(field(result, 'name'))
    return { content: { kind: 'result', id: readId(result), name, response, parts }, slot, extra: extraOf(rest) }
  }
  const text = asText(field(part, 'text'))
  const media = thought ? null : readMedia(part)
  if (media) {
    const rest = restOf(part, text === null || text === '' ? MEDIA_WITHOUT_TEXT_FIELDS : MEDIA_FIELDS)
    return { content: { kind: 'media', ...media }, slot, extra: extraOf(rest) }
  }
  if (text !== null && !hasOtherData(part)) {
    return { content: { kind: 'text', text, thought }, slot, extra: extraOf(restOf(part, TEXT_FIELDS)) }
  }
  const { thoughtSignature: _, thought_signature: __, ...raw } = part as Record<string, unknown>
  if (isEmpty(raw)) return { content: { kind: 'text', text: '', thought: false }, slot, extra: undefined }
  return { content: { kind: 'opaque', raw }, slot, extra: undefined }
}

function readMedia(part: JsonObject): Media | null {
  const blob = asObject(field(part, 'inlineData'))
  if (blob) return readInlineData(blob)
  const file = asObject(field(part, 'fileData'))
  return file ? readFileData(file) : null
}

function readId(object: JsonObject): string | null {
  const id = asText(field(object, 'id'))
  return id === '' ? null : id
}

/** A text beside something the provider's own tool left is part of that. */
function hasOtherData(part: JsonObject): boolean {
  const names = ['executableCode', 'codeExecutionResult', 'toolCall', 'toolResponse']
  return names.some((name) => field(part, name) !== undefined)
}

/** The fields of a part that holds these. */
function around(...known: string[]): ReadonlySet<string> {
  return new Set(['thought', 'thoughtSignature', ...known])
}

function extraOf(rest: Record<string, unknown>): Extras | undefined {
  return isEmpty(rest) ? undefined : { [GEMINI]: rest }
}

/** A call's arguments as exact text; what a tool without a schema was called with is its bare input. */
export function argsTextOf(args: unknown, style: 'json' | 'freeform'): string {
  const object = asObject(args) ?? {}
  const input = object['input']
  return style === 'freeform' && typeof input === 'string' ? input : JSON.stringify(object)
}

/** Arguments as the object they must be here. */
export function argsOf(argsText: string, style: 'json' | 'freeform', losses: LossReport): JsonObject {
  if (style === 'freeform') return { input: argsText }
  if (argsText.trim() === '') return {}
  const args = asObject(parseJson(argsText))
  if (args) return args
  losses.approximate('tool_arguments', 'they are no JSON object, so they are passed on as the text `input`')
  return { input: argsText }
}

export function writeText(text: string, thought = false): Record<string, unknown> {
  return thought ? { text, thought: true } : { text }
}

export function writeCall(
  call: { readonly id: string; readonly name: string; readonly args: JsonObject },
  extra?: Extras,
): Record<string, unknown> {
  const { id, name, args } = call
  const { partialArgs, willContinue, ...around } = { ...extra?.[GEMINI] }
  const beside = { ...(partialArgs ? { partialArgs } : {}), ...(willContinue ? { willContinue } : {}) }
  return { ...around, functionCall: { ...(id === '' ? {} : { id }), name, args, ...beside } }
}

/** The part itself where it came in this dialect; null, and said so, where another one's cannot be told here. */
export function writeOpaque(item: Pick<OpaqueItem, 'protocol' | 'raw'>, losses: LossReport): JsonObject | null {
  const raw = asObject(item.raw)
  if (item.protocol === GEMINI && raw) return raw
  losses.drop('provider_items', 'only the provider it came from understands them')
  return null
}

export function withSignature(part: JsonObject, slot: string | undefined): Record<string, unknown> {
  return slot === undefined ? { ...part } : { ...part, thoughtSignature: slot }
}
