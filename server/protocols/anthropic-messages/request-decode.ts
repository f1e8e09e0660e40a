// A Messages request in the middle model. What only this dialect has stays in its extensions.
import {
  EFFORTS,
  type Builtin,
  type ChatRequest,
  type Effort,
  type Format,
  type ReasoningWish,
  type Tool,
  type ToolChoice,
} from '../canonical.ts'
import type { RequestDecoding } from '../codec.ts'
import { asCount, asObject, asText, asWord, type JsonObject } from '../read.ts'
import { checkShape } from '../shape.ts'
import { reportUnread } from '../unread.ts'
import { extraOf, PROTOCOL } from './names.ts'
import { readCacheMark, readMessages, readSystem } from './request-items.ts'
import { MESSAGES_REQUEST } from './request-shape.ts'

const KNOWN: ReadonlySet<string> = new Set([
  'model',
  'max_tokens',
  'messages',
  'system',
  'tools',
  'tool_choice',
  'stream',
  'stop_sequences',
  'temperature',
  'top_p',
  'top_k',
  'thinking',
  'output_config',
  'output_format',
  'metadata',
  'service_tier',
])

const TIERS: Readonly<Record<string, string>> = { auto: 'auto', standard_only: 'default' }

export function decodeMessagesRequest(
  body: JsonObject,
  decoding: RequestDecoding & { model: string; stream: boolean },
): ChatRequest {
  checkShape(body, MESSAGES_REQUEST)
  reportUnread(body, MESSAGES_REQUEST, decoding.losses)
  const { instructions, billing } = readSystem(body['system'])
  const { tools, builtins } = readTools(body['tools'])
  const wish = readWish(body)
  const { format, rest } = readOutputConfig(body, wish.effortKept)
  const choice = asObject(body['tool_choice'])
  const toolChoice = readToolChoice(choice)
  const maxOutput = asCount(body['max_tokens'])
  const metadata = asObject(body['metadata'])
  const userId = asWord(metadata?.['user_id'])
  const tier = TIERS[asText(body['service_tier']) ?? '']
  const others = Object.entries(body).filter(([key, value]) => !KNOWN.has(key) && value !== undefined && value !== null)
  const extensions: Record<string, unknown> = {
    ...Object.fromEntries(others),
    ...(billing === undefined ? {} : { billing_header: billing }),
    ...(rest ? { output_config: rest } : {}),
    ...(wish.unknownThinking ? { thinking: wish.unknownThinking } : {}),
    ...(tier === undefined && asText(body['service_tier']) !== null ? { service_tier: body['service_tier'] } : {}),
    ...restOfMetadata(metadata),
  }
  return {
    model: decoding.model,
    stream: decoding.stream,
    streamUsage: true,
    instructions,
    items: readMessages(body['messages'], decoding),
    tools,
    builtins,
    ...(toolChoice ? { toolChoice } : {}),
    ...(choice?.['disable_parallel_tool_use'] === true ? { parallel: false } : {}),
    ...(format ? { format } : {}),
    ...(wish.reasoning ? { reasoning: wish.reasoning } : {}),
    sampling: readSampling(body),
    stop: Array.isArray(body['stop_sequences'])
      ? (body['stop_sequences'] as unknown[]).filter((text) => typeof text === 'string')
      : [],
    ...(maxOutput === null ? {} : { maxOutput }),
    ...(tier === undefined ? {} : { tier }),
    ...(userId === null ? {} : { userId }),
    origin: PROTOCOL,
    extensions: Object.keys(extensions).length === 0 ? {} : { [PROTOCOL]: extensions },
  }
}

function restOfMetadata(metadata: JsonObject | null): { metadata?: JsonObject } {
  const { user_id: _user, ...rest } = metadata ?? {}
  return Object.keys(rest).length === 0 ? {} : { metadata: rest }
}

function readSampling(body: JsonObject): ChatRequest['sampling'] {
  const number = (key: string): number | undefined => {
    const value = body[key]
    // -1 says that it is left out.
    return typeof value === 'number' && value >= 0 ? value : undefined
  }
  const [temperature, topP, topK] = [number('temperature'), number('top_p'), number('top_k')]
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
  }
}

function readTools(value: unknown): { tools: Tool[]; builtins: Builtin[] } {
  const tools: Tool[] = []
  const builtins: Builtin[] = []
  for (const entry of Array.isArray(value) ? (value as unknown[]) : []) {
    const raw = asObject(entry)
    if (!raw) continue
    const type = asText(raw['type']) ?? 'custom'
    const name = asText(raw['name']) ?? asText(raw['mcp_server_name']) ?? type
    if (type === 'custom') tools.push(readFunction(raw, name))
    else {
      const kind = type.startsWith('web_search') ? 'web_search' : 'other'
      builtins.push({ protocol: PROTOCOL, kind, name, raw })
    }
  }
  return { tools, builtins }
}

function readFunction(raw: JsonObject, name: string): Tool {
  const {
    type: _type,
    name: _name,
    description: _description,
    input_schema: schema,
    strict,
    cache_control: _mark,
    defer_loading: deferred,
    ...rest
  } = raw
  const description = asText(raw['description'])
  return {
    kind: 'function',
    name,
    ...(description === null ? {} : { description }),
    ...(asObject(schema) ? { schema } : {}),
    ...(typeof strict === 'boolean' ? { strict } : {}),
    ...readCacheMark(raw),
    ...extraOf({ ...rest, defer_loading: deferred === false ? undefined : deferred }),
  }
}

function readToolChoice(choice: JsonObject | null): ToolChoice | undefined {
  switch (choice?.['type']) {
    case 'auto':
      return { mode: 'auto' }
    case 'none':
      return { mode: 'none' }
    case 'any':
      return { mode: 'required' }
    case 'tool':
      return { mode: 'named', name: asText(choice['name']) ?? '' }
    default:
      return undefined
  }
}

interface WishReading {
  readonly reasoning?: ReasoningWish
  /** An effort that stands beside thinking switched off, or one without a counterpart: said here only. */
  readonly effortKept?: unknown
  readonly unknownThinking?: JsonObject
}

function readWish(body: JsonObject): WishReading {
  const word = asObject(body['output_config'])?.['effort']
  const known = EFFORTS.includes(word as Effort) && word !== 'none' ? (word as Effort) : undefined
  const kept = known === undefined && word !== undefined && word !== null ? { effortKept: word } : {}
  const effort = known === undefined ? {} : { effort: known }
  const thinking = asObject(body['thinking'])
  const display = thinking?.['display']
  switch (thinking?.['type']) {
    case 'enabled': {
      const budget = asCount(thinking['budget_tokens'])
      const visible = display !== 'omitted'
      return { reasoning: { ...effort, ...(budget === null ? { adaptive: true } : { budget }), visible }, ...kept }
    }
    case 'adaptive': {
      const visible = display === 'summarized' ? true : display === 'omitted' ? false : undefined
      return { reasoning: { ...effort, adaptive: true, ...(visible === undefined ? {} : { visible }) }, ...kept }
    }
    case 'disabled':
      return { reasoning: { effort: 'none' }, ...(word === undefined || word === null ? {} : { effortKept: word }) }
    default: {
      const unknown = thinking ? { unknownThinking: thinking } : {}
      // An effort alone does not switch thinking on.
      return { ...(known === undefined ? {} : { reasoning: { effort: known, adaptive: false } }), ...kept, ...unknown }
    }
  }
}

function readOutputConfig(body: JsonObject, effortKept: unknown): { format?: Format; rest?: JsonObject } {
  const { effort: _effort, format, ...others } = asObject(body['output_config']) ?? {}
  const wanted = asObject(format) ?? asObject(body['output_format'])
  const isSchema = wanted?.['type'] === 'json_schema' && asObject(wanted['schema']) !== null
  const rest = {
    ...others,
    ...(effortKept === undefined ? {} : { effort: effortKept }),
    ...(wanted && !isSchema ? { format: wanted } : {}),
  }
  return {
    ...(isSchema ? { format: { kind: 'json_schema', schema: wanted['schema'], strict: true } } : {}),
    ...(Object.keys(rest).length === 0 ? {} : { rest }),
  }
}
