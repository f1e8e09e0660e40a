// A client's Responses request as the middle model. What only this dialect has is kept under its id; values that say
// the default are not kept, so that nobody is warned of losing them.
import {
  EFFORTS,
  type Builtin,
  type ChatRequest,
  type Effort,
  type Format,
  type Instruction,
  type ReasoningWish,
  type Sampling,
} from '../canonical.ts'
import type { Codec } from '../codec.ts'
import { asCount, asObject, asText, asWord, type JsonObject } from '../read.ts'
import { checkShape } from '../shape.ts'
import { reportUnread } from '../unread.ts'
import { OWN } from './media.ts'
import { listOf } from './parts.ts'
import { decodeInput } from './request-items.ts'
import { RESPONSES_REQUEST } from './request-shape.ts'
import { decodeToolChoice, decodeTools } from './tools.ts'

const KNOWN = new Set(
  (
    'model stream input instructions tools tool_choice parallel_tool_calls text reasoning temperature top_p ' +
    'max_output_tokens top_logprobs include prompt_cache_key service_tier user safety_identifier'
  ).split(' '),
)

export const SEALED_REASONING = 'reasoning.encrypted_content'
export const TEXT_LOGPROBS = 'message.output_text.logprobs'

type RequestDecoder = Codec['decodeRequest']

export const decodeRequest: RequestDecoder = (body, decoding) => {
  checkShape(body, RESPONSES_REQUEST)
  reportUnread(body, RESPONSES_REQUEST, decoding.losses)
  const extension: Record<string, unknown> = {}
  const input = decodeInput(body['input'], decodeTools(body['tools']), decoding)
  const reasoning = decodeReasoningWish(asObject(body['reasoning']), extension)
  const text = decodeTextConfig(asObject(body['text']), extension)
  const include = decodeInclude(body, extension)
  const toolChoice = decodeChoice(body['tool_choice'], input.builtins, extension)
  const parallel = body['parallel_tool_calls']
  const maxOutput = asCount(body['max_output_tokens'])
  const cacheKey = asWord(body['prompt_cache_key'])
  const tier = asWord(body['service_tier'])
  const userId = asWord(body['safety_identifier']) ?? asWord(body['user'])
  const wish: ReasoningWish = { ...reasoning, ...(include.sealed ? { include: true } : {}) }
  for (const [field, value] of Object.entries(body))
    if (!KNOWN.has(field) && !isDefault(field, value)) extension[field] = value
  return {
    model: decoding.model,
    stream: decoding.stream,
    streamUsage: true,
    instructions: [...decodeInstructions(body['instructions']), ...input.instructions],
    items: input.items,
    tools: input.tools,
    builtins: input.builtins,
    ...(toolChoice ? { toolChoice } : {}),
    ...(typeof parallel === 'boolean' ? { parallel } : {}),
    ...text,
    ...(Object.keys(wish).length > 0 ? { reasoning: wish } : {}),
    sampling: decodeSampling(body),
    stop: [],
    ...(maxOutput === null ? {} : { maxOutput }),
    ...(include.logprobs ? { logprobs: include.logprobs } : {}),
    ...(cacheKey === null ? {} : { cacheKey }),
    ...(tier === null || tier === 'auto' ? {} : { tier }),
    ...(userId === null ? {} : { userId }),
    extensions: { [OWN]: extension },
  } satisfies ChatRequest
}

function isDefault(field: string, value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (field === 'background') return value === false
  if (field === 'truncation') return value === 'disabled'
  return field === 'metadata' && Object.keys(asObject(value) ?? {}).length === 0
}

function decodeInstructions(value: unknown): Instruction[] {
  const text = asText(value)
  return text === null || text === '' ? [] : [{ role: 'system', text, forThisCall: true }]
}

function decodeReasoningWish(raw: JsonObject | null, extension: Record<string, unknown>): ReasoningWish {
  if (!raw) return {}
  const effort = asText(raw['effort'])
  const known = EFFORTS.find((word): word is Effort => word === effort)
  const visible = asText(raw['summary']) !== null || asText(raw['generate_summary']) !== null
  for (const [field, value] of Object.entries(raw)) {
    const said = (field === 'effort' && known !== undefined) || (field === 'summary' && value === 'auto')
    if (!said && value !== null) extension[`reasoning_${field}`] = value
  }
  return { ...(known === undefined ? {} : { effort: known }), ...(visible ? { visible } : {}) }
}

function decodeTextConfig(
  raw: JsonObject | null,
  extension: Record<string, unknown>,
): Pick<ChatRequest, 'format' | 'verbosity'> {
  if (!raw) return {}
  const format = decodeFormat(asObject(raw['format']))
  const { verbosity } = raw
  const level = verbosity === 'low' || verbosity === 'medium' || verbosity === 'high' ? verbosity : undefined
  for (const [field, value] of Object.entries(raw)) {
    const said = (field === 'format' && format) || (field === 'verbosity' && level)
    if (!said && value !== null) extension[`text_${field}`] = value
  }
  return { ...(format ? { format } : {}), ...(level === undefined ? {} : { verbosity: level }) }
}

function decodeFormat(raw: JsonObject | null): Format | null {
  switch (raw?.['type']) {
    case 'text':
      return { kind: 'text' }
    case 'json_object':
      return asObject(raw['schema']) ? { kind: 'json_schema', schema: raw['schema'] } : { kind: 'json_object' }
    case 'json_schema': {
      const name = asText(raw['name'])
      const description = asText(raw['description'])
      const { strict } = raw
      return {
        kind: 'json_schema',
        schema: raw['schema'] ?? {},
        ...(name === null ? {} : { name }),
        ...(description === null ? {} : { description }),
        ...(typeof strict === 'boolean' ? { strict } : {}),
      }
    }
    default:
      return null
  }
}

function decodeInclude(
  body: JsonObject,
  extension: Record<string, unknown>,
): { sealed: boolean; logprobs: { top?: number } | null } {
  const wanted = listOf(body['include'])
  const others = wanted.filter((value) => value !== SEALED_REASONING && value !== TEXT_LOGPROBS)
  if (others.length > 0) extension['include'] = others
  const top = asCount(body['top_logprobs']) ?? 0
  const logprobs = top > 0 ? { top } : wanted.includes(TEXT_LOGPROBS) ? {} : null
  return { sealed: wanted.includes(SEALED_REASONING), logprobs }
}

function decodeChoice(
  value: unknown,
  builtins: readonly Builtin[],
  extension: Record<string, unknown>,
): ChatRequest['toolChoice'] | null {
  if (value === undefined || value === null) return null
  const choice = decodeToolChoice(value, builtins)
  if (!choice) extension['tool_choice'] = value
  return choice
}

function decodeSampling(body: JsonObject): Sampling {
  const { temperature, top_p: topP } = body
  return {
    ...(typeof temperature === 'number' ? { temperature } : {}),
    ...(typeof topP === 'number' ? { topP } : {}),
  }
}
