// `generationConfig`, `toolConfig` and `tools` as fields of the middle model; what has no counterpart is kept as it is.
import {
  EFFORTS,
  type Builtin,
  type ChatRequest,
  type Effort,
  type Extras,
  type Format,
  type ReasoningWish,
  type Sampling,
  type Tool,
  type ToolChoice,
} from '../canonical.ts'
import { CannotCross, type LossReport } from '../codec.ts'
import { asCount, asObject, asText, asWord, seedOf, type JsonObject } from '../read.ts'
import { asNumber, asObjects, compact, field, GEMINI, isEmpty, restOf } from './fields.ts'
import { jsonSchemaOf } from './schema.ts'

type ConfigFields = Pick<
  ChatRequest,
  'sampling' | 'stop' | 'maxOutput' | 'n' | 'seed' | 'logprobs' | 'format' | 'reasoning'
>

const CONFIG_FIELDS = new Set(
  ['temperature', 'topP', 'topK', 'candidateCount', 'maxOutputTokens', 'stopSequences', 'presencePenalty'].concat(
    ['frequencyPenalty', 'seed', 'responseLogprobs', 'logprobs', 'thinkingConfig', 'responseMimeType'],
    ['responseSchema', 'responseJsonSchema', '_responseJsonSchema', 'responseModalities'],
  ),
)
const JSON_MIME = 'application/json'

export function readConfig(
  config: JsonObject | null,
  losses: LossReport,
): { fields: ConfigFields; extensions: Record<string, unknown> } {
  const rest = restOf(config, CONFIG_FIELDS)
  const { format, kept } = readFormat(config)
  const count = (name: string): number | undefined => asCount(asNumber(field(config, name))) ?? undefined
  // Zero is how protocol buffers write a number that was not set.
  const most = (name: string): number | undefined => count(name) || undefined
  const wish = readThinking(asObject(field(config, 'thinkingConfig')))
  const stop = field(config, 'stopSequences')
  const fields = compact({
    sampling: readSampling(config),
    stop: (Array.isArray(stop) ? (stop as unknown[]) : []).filter((one): one is string => asWord(one) !== null),
    maxOutput: most('maxOutputTokens'),
    n: most('candidateCount'),
    seed: seedOf(field(config, 'seed')),
    logprobs: readLogprobs(field(config, 'responseLogprobs'), count('logprobs'), losses),
    format,
    reasoning: wish.reasoning,
  }) as unknown as ConfigFields
  const modalities = readModalities(config)
  const left = { ...rest, ...kept, ...(isEmpty(wish.rest) ? {} : { thinkingConfig: wish.rest }) }
  const extensions = {
    ...(isEmpty(left) ? {} : { generation_config: left }),
    ...(modalities ? { response_modalities: modalities } : {}),
  }
  return { fields, extensions }
}

function readLogprobs(wanted: unknown, top: number | undefined, losses: LossReport): ChatRequest['logprobs'] {
  if (wanted === true) return compact({ top })
  if (top) losses.drop('logprobs', '`logprobs` says something beside `responseLogprobs` only')
  return undefined
}

function readSampling(config: JsonObject | null): Sampling {
  const names = ['temperature', 'topP', 'topK', 'frequencyPenalty', 'presencePenalty']
  return compact(Object.fromEntries(names.map((name) => [name, asNumber(field(config, name))])))
}

/** Answers in anything but text alone. */
function readModalities(config: JsonObject | null): unknown[] | null {
  const value = field(config, 'responseModalities')
  const list = Array.isArray(value) ? (value as unknown[]) : []
  return list.some((one) => typeof one === 'string' && !/^(?:TEXT|MODALITY_UNSPECIFIED)$/i.test(one)) ? list : null
}

function readFormat(config: JsonObject | null): { format: Format | undefined; kept: Record<string, unknown> } {
  const mime = asWord(field(config, 'responseMimeType'))
  const json = field(config, 'responseJsonSchema') ?? config?.['_responseJsonSchema']
  const own = field(config, 'responseSchema')
  refuseBoth(json !== undefined && own !== undefined, 'responseJsonSchema', 'responseSchema')
  if (mime === 'text/plain' && (json ?? own) !== undefined) {
    throw new CannotCross(
      'responseMimeType',
      'A schema needs the `responseMimeType` "application/json". Send that, or leave the schema out.',
      'bad_request',
    )
  }
  if (mime !== null && mime !== JSON_MIME) {
    // A bare word out of a list, or a type that is yet to come: only Gemini can.
    const plain = mime === 'text/plain'
    return { format: undefined, kept: plain ? {} : compact({ responseMimeType: mime, responseSchema: own }) }
  }
  const schema = json ?? (own === undefined ? undefined : jsonSchemaOf(own))
  if (schema !== undefined) return { format: { kind: 'json_schema', schema }, kept: {} }
  return { format: mime === JSON_MIME ? { kind: 'json_object' } : undefined, kept: {} }
}

const THINKING_FIELDS = new Set(['includeThoughts', 'thinkingBudget', 'thinkingLevel'])

/** As in the API, which takes one of the two. */
function refuseBoth(both: boolean, one: string, other: string): void {
  if (both) throw new CannotCross(one, `Send \`${one}\` or \`${other}\`, not both.`, 'bad_request')
}

function readThinking(config: JsonObject | null): { reasoning?: ReasoningWish; rest: Record<string, unknown> } {
  const level = asText(field(config, 'thinkingLevel'))?.toLowerCase()
  const budget = asNumber(field(config, 'thinkingBudget'))
  const visible = field(config, 'includeThoughts')
  refuseBoth(isEffort(level) && budget !== undefined, 'thinkingBudget', 'thinkingLevel')
  const reasoning = {
    ...(isEffort(level) ? { effort: level } : {}),
    ...(budget !== undefined && Number.isSafeInteger(budget) && budget >= -1 ? { budget } : {}),
    ...(typeof visible === 'boolean' ? { visible } : {}),
  }
  return { ...(isEmpty(reasoning) ? {} : { reasoning }), rest: restOf(config, THINKING_FIELDS) }
}

function isEffort(word: string | undefined): word is Effort {
  return (EFFORTS as readonly (string | undefined)[]).includes(word)
}

const DECLARATION_FIELDS = new Set(['name', 'description', 'parameters', 'parametersJsonSchema'])

export function readTools(value: unknown): { tools: Tool[]; builtins: Builtin[] } {
  const tools: Tool[] = []
  const builtins: Builtin[] = []
  for (const entry of asObjects(value)) {
    for (const declaration of asObjects(field(entry, 'functionDeclarations'))) {
      const name = asText(declaration['name'])
      if (name !== null) tools.push(readDeclaration(declaration, name))
    }
    for (const [name, raw] of Object.entries(restOf(entry, new Set(['functionDeclarations'])))) {
      const kind = name === 'googleSearch' || name === 'googleSearchRetrieval' ? 'web_search' : 'other'
      builtins.push({ protocol: GEMINI, kind, name, raw })
    }
  }
  return { tools, builtins }
}

function readDeclaration(declaration: JsonObject, name: string): Tool {
  const description = asText(declaration['description'])
  const own = field(declaration, 'parameters')
  const json = field(declaration, 'parametersJsonSchema')
  refuseBoth(json !== undefined && own !== undefined, 'parametersJsonSchema', 'parameters')
  const schema = json ?? (own === undefined ? undefined : jsonSchemaOf(own))
  const rest = restOf(declaration, DECLARATION_FIELDS)
  const extra: Extras | null = isEmpty(rest) ? null : { [GEMINI]: rest }
  return {
    kind: 'function',
    name,
    ...(description === null || description === '' ? {} : { description }),
    ...(schema === undefined ? {} : { schema }),
    ...(extra ? { extra } : {}),
  }
}

/** `hasBuiltins`: tools of the provider's own are declared, which the choice among functions says nothing of. */
export function readToolConfig(
  config: JsonObject | null,
  hasBuiltins: boolean,
): {
  toolChoice?: ToolChoice
  extensions: Record<string, unknown>
} {
  const calling = asObject(field(config, 'functionCallingConfig'))
  const mode = asText(field(calling, 'mode'))?.toUpperCase()
  const list = field(calling, 'allowedFunctionNames')
  const names = (Array.isArray(list) ? (list as unknown[]) : []).filter((one): one is string => typeof one === 'string')
  const callingRest = restOf(calling, new Set(['mode', 'allowedFunctionNames']))
  const kept = {
    ...restOf(config, new Set(['functionCallingConfig'])),
    ...(isEmpty(callingRest) ? {} : { functionCallingConfig: callingRest }),
  }
  if (names.length > 0 && mode !== 'ANY' && mode !== 'VALIDATED') {
    throw new CannotCross(
      'allowedFunctionNames',
      '`allowedFunctionNames` needs the `mode` "ANY" or "VALIDATED". Send one of them, or leave the names out.',
      'bad_request',
    )
  }
  const chosen = choiceOf(mode, names)
  const toolChoice = chosen?.mode === 'allowed' && hasBuiltins ? ({ ...chosen, others: true } as const) : chosen
  return { ...(toolChoice ? { toolChoice } : {}), extensions: isEmpty(kept) ? {} : { tool_config: kept } }
}

function choiceOf(mode: string | undefined, names: readonly string[]): ToolChoice | undefined {
  switch (mode) {
    case 'ANY':
      if (names.length === 0) return { mode: 'required' }
      return names.length === 1 ? { mode: 'named', name: names[0]! } : { mode: 'allowed', names, required: true }
    case 'VALIDATED':
      return names.length === 0 ? { mode: 'auto' } : { mode: 'allowed', names, required: false }
    case 'AUTO':
      return { mode: 'auto' }
    case 'NONE':
      return { mode: 'none' }
    default:
      return undefined
  }
}
