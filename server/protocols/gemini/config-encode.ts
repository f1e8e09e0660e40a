// What a request wishes for beside its conversation, in Gemini's words: tools, choice, sampling, schema, thinking.
import type { Builtin, ChatRequest, Effort, Tool } from '../canonical.ts'
import { CannotCross, type RequestEncoding } from '../codec.ts'
import { describeSchema } from '../described-schema.ts'
import { budgetOfEffort, effortOf, nearestEffort } from '../effort.ts'
import { describeFreeform, FREEFORM_SCHEMA } from '../freeform.ts'
import { lossOfField } from '../losses.ts'
import { asObject, type JsonObject } from '../read.ts'
import { allowedBuiltins, forcedBuiltin } from '../tool-choice.ts'
import type { ToolNames } from '../tool-names.ts'
import { compact, GEMINI, isEmpty } from './fields.ts'
import { inlineSchema, type SchemaRoom } from './schema.ts'
import { readSearch } from '../web-search.ts'

const MOST_STOPS = 5
const MOST_THINKING = 24_576
const LEAST_THINKING = 128
/** Its search takes none of the settings that others have. */
const NO_SETTINGS: ReadonlySet<never> = new Set()

export function writeTools(
  request: ChatRequest,
  names: ToolNames,
  encoding: RequestEncoding,
  room: SchemaRoom,
): { tools: JsonObject[]; toolConfig: JsonObject | null } {
  const offered = offeredTools(request)
  const declarations = offered.map((tool) => writeDeclaration(tool, names, encoding, room))
  const { entries, combined } = writeBuiltins(request, encoding)
  const tools = [...entries, ...(declarations.length > 0 ? [{ functionDeclarations: declarations }] : [])]
  const kept = { ...asObject(request.extensions[GEMINI]?.['tool_config']) }
  const calling = writeChoice(request, offered, names, encoding)
  const rest = asObject(kept['functionCallingConfig'])
  const toolConfig = {
    ...(combined ? { includeServerSideToolInvocations: true } : {}),
    ...kept,
    ...(calling || rest ? { functionCallingConfig: { ...calling, ...rest } } : {}),
  }
  return { tools, toolConfig: isEmpty(toolConfig) ? null : toolConfig }
}

/** A choice among some tools without having to: the others are not offered. */
function offeredTools({ tools, toolChoice }: ChatRequest): readonly Tool[] {
  if (toolChoice?.mode !== 'allowed' || toolChoice.required) return tools
  const wanted = new Set(toolChoice.names)
  const some = tools.filter(({ name }) => wanted.has(name))
  return some.length > 0 ? some : tools
}

function writeDeclaration(tool: Tool, names: ToolNames, { losses }: RequestEncoding, room: SchemaRoom): JsonObject {
  if (tool.strict === true) losses.drop('strict', 'the provider has no such field')
  if (tool.cache) losses.drop('cache_control', 'the provider caches by itself')
  const freeform = tool.kind === 'freeform'
  const description = (freeform ? describeFreeform(tool) : tool.description) ?? ''
  const schema = freeform ? FREEFORM_SCHEMA : asObject(tool.schema) && inlineSchema(tool.schema, losses, room)
  return {
    name: names.wireName(tool.name, tool.namespace),
    ...(description === '' ? {} : { description }),
    ...(schema ? { parametersJsonSchema: schema } : {}),
    ...tool.extra?.[GEMINI],
  }
}

/** Tools that the provider runs: its own as they came, a web search as its own, others only if others remain. */
function writeBuiltins(
  request: ChatRequest,
  { profile, losses }: RequestEncoding,
): { entries: JsonObject[]; combined: boolean } {
  const { tools } = request
  const forced = forcedBuiltin(request)
  const entries: JsonObject[] = []
  const foreign: Builtin[] = []
  let combined = false
  let searches = false
  for (const builtin of allowedBuiltins(request)) {
    const { protocol, kind, name, raw } = builtin
    if (protocol === GEMINI) {
      entries.push({ [name]: raw })
      searches ||= name === 'googleSearch' && Boolean(raw)
    } else if (kind !== 'web_search') foreign.push(builtin)
    else if (builtin === forced) throw cannotForce('search the web')
    else if (tools.length > 0 && profile.thinking !== 'level') {
      losses.drop('web_search', 'this model does not search beside function tools')
    } else if (!searches) {
      searches = true
      readSearch(builtin, NO_SETTINGS, losses)
      entries.push({ googleSearch: {} })
      combined = tools.length > 0
    }
  }
  for (const builtin of foreign) {
    const { name } = builtin
    if (builtin === forced || (tools.length === 0 && entries.length === 0)) {
      throw new CannotCross(
        'tools',
        `The tool \`${name}\` is run by another provider. Leave it out, or name its model.`,
      )
    }
    losses.drop('builtin_tools', `another provider runs \`${name}\``)
  }
  return { entries, combined }
}

function cannotForce(what: string): CannotCross {
  return new CannotCross('tool_choice', `The model asked for cannot be forced to ${what}. Let the model choose.`)
}

function writeChoice(
  { toolChoice, extensions, builtins }: ChatRequest,
  tools: readonly Tool[],
  names: ToolNames,
  { losses }: RequestEncoding,
): JsonObject | null {
  if (!toolChoice) return null
  if (tools.length === 0 && !extensions[GEMINI]) {
    const isForced = toolChoice.mode === 'required' || (toolChoice.mode === 'allowed' && toolChoice.required)
    if (isForced && builtins.length > 0) throw cannotForce('use a tool that is no function')
    if (isForced || toolChoice.mode === 'named') losses.drop('tool_choice', 'only function tools can be forced')
    return null
  }
  switch (toolChoice.mode) {
    case 'auto':
      return { mode: 'AUTO' }
    case 'none':
      return { mode: 'NONE' }
    case 'required':
      return { mode: 'ANY' }
    case 'named':
      return { mode: 'ANY', allowedFunctionNames: [names.wireName(toolChoice.name, toolChoice.namespace)] }
    case 'allowed': {
      if (!toolChoice.required) return { mode: 'AUTO' }
      const known = new Set(tools.map(({ name }) => name))
      const ofProviders = new Set(builtins.map(({ name }) => name))
      const functions = toolChoice.names.filter((name) => known.has(name) || !ofProviders.has(name))
      if (functions.length === 0) throw cannotForce('use a tool that is no function')
      if (functions.length < toolChoice.names.length) losses.approximate('tool_choice', 'only functions can be forced')
      return { mode: 'ANY', allowedFunctionNames: functions.map((name) => names.wireName(name)) }
    }
  }
}

export function writeConfig(
  request: ChatRequest,
  encoding: RequestEncoding,
  room: SchemaRoom,
): { config: JsonObject; instruction: string } {
  const { losses } = encoding
  const own = request.extensions[GEMINI]
  const { format, instruction } = writeFormat(request, encoding, room)
  const thinking = writeThinking(request, encoding)
  const kept = { ...asObject(own?.['generation_config']) }
  const keptThinking = asObject(kept['thinkingConfig'])
  const { logprobs } = request
  if (logprobs && !own) losses.drop('logprobs', 'answers of this provider carry none across')
  const config = compact({
    ...writeSampling(request, encoding),
    maxOutputTokens: request.maxOutput,
    stopSequences: request.stop.length > 0 ? request.stop.slice(0, MOST_STOPS) : undefined,
    seed: request.seed,
    ...(logprobs && own ? { responseLogprobs: true, logprobs: logprobs.top } : {}),
    ...format,
    responseModalities: own?.['response_modalities'],
    ...kept,
    thinkingConfig: thinking || keptThinking ? { ...thinking, ...keptThinking } : undefined,
  })
  return { config, instruction }
}

/** Stop sequences beyond those the provider takes. */
export function enforcedStops({ stop }: ChatRequest): readonly string[] {
  return stop.slice(MOST_STOPS)
}

function writeSampling({ sampling }: ChatRequest, { profile, losses }: RequestEncoding): JsonObject {
  const { temperature, topP, frequencyPenalty, presencePenalty, logitBias } = sampling
  const topK = sampling.topK === -1 ? undefined : sampling.topK
  if (logitBias) losses.drop('logit_bias', 'the provider has no such field')
  const all = compact({ temperature, topP, topK, frequencyPenalty, presencePenalty })
  if (profile.sampling === 'none') {
    for (const [name, value] of Object.entries(all)) {
      losses.drop(lossOfField(name), 'the model takes no sampling parameters', value)
    }
    return {}
  }
  if (profile.sampling === 'one' && temperature !== undefined && topP !== undefined) {
    losses.drop('top_p', 'the model takes temperature or top_p, not both', topP)
    delete all['topP']
  }
  return all
}

function writeFormat(
  request: ChatRequest,
  encoding: RequestEncoding,
  room: SchemaRoom,
): { format: JsonObject; instruction: string } {
  const { format, tools, extensions } = request
  const { profile, losses } = encoding
  if (!format || format.kind === 'text') return { format: {}, instruction: '' }
  const inlined = format.kind === 'json_schema' ? inlineSchema(format.schema, losses, room) : undefined
  const schema = format.kind === 'json_schema' ? describeSchema(inlined, format.description) : undefined
  // Models before Gemini 3 refuse a JSON type beside function tools; one who wrote it in Gemini's words knows.
  if (tools.length > 0 && profile.thinking !== 'level' && !extensions[GEMINI]) {
    losses.approximate('response_format', 'beside tools, this model is asked for JSON in words')
    const asked = schema === undefined ? '' : ` that fits this JSON schema:\n${JSON.stringify(schema)}`
    return { format: {}, instruction: `Answer with JSON alone${asked}` }
  }
  const described = format.kind === 'json_schema' ? nameSchema(schema, format.name) : schema
  return {
    format: {
      responseMimeType: 'application/json',
      ...(described === undefined ? {} : { responseJsonSchema: described }),
    },
    instruction: '',
  }
}

/** A schema's name stands in the schema itself here. */
function nameSchema(schema: unknown, title: string | undefined): unknown {
  const object = asObject(schema)
  return object ? { ...compact({ title }), ...object } : schema
}

/** A level for models that take one, a budget for those that take that; never both. */
function writeThinking({ reasoning }: ChatRequest, encoding: RequestEncoding): JsonObject | null {
  if (!reasoning) return null
  const { profile, losses } = encoding
  const { effort, budget, visible, adaptive } = reasoning
  const asked = adaptive === true || effort !== undefined || (budget !== undefined && budget !== 0)
  if (profile.thinking !== 'level' && profile.thinking !== 'budget') {
    if (asked && effort !== 'none') losses.drop('thinking', 'the model does not think')
    else if (visible === true) losses.drop('thoughts', 'the model does not think')
    return null
  }
  const config: Record<string, unknown> = {}
  if (profile.thinking === 'level') {
    const level = levelOf(reasoning, encoding)
    if (level !== undefined) config['thinkingLevel'] = level.toUpperCase()
  } else {
    const tokens = budgetOf(reasoning, encoding)
    if (tokens !== undefined) config['thinkingBudget'] = tokens
  }
  if (visible !== undefined) config['includeThoughts'] = visible
  return isEmpty(config) ? null : config
}

function levelOf(
  wish: NonNullable<ChatRequest['reasoning']>,
  { profile, losses }: RequestEncoding,
): Effort | undefined {
  const effort = effortOf(wish)
  if (effort === undefined) return undefined
  if (wish.budget !== undefined && wish.budget >= 0)
    losses.approximate('thinking_budget', 'the model takes a level, not a number of tokens')
  const least = profile.efforts[0] ?? 'low'
  const wanted: Effort = effort === 'none' ? 'minimal' : effort === 'xhigh' || effort === 'max' ? 'high' : effort
  const known = profile.efforts.length > 0 ? profile.efforts : (['low', 'medium', 'high'] as const)
  // There is no off: the least the model knows stands for it.
  const level = effort === 'none' && !known.includes('minimal') ? least : (nearestEffort(wanted, known) ?? wanted)
  if (wish.effort !== undefined && level !== wish.effort) {
    losses.approximate('effort', 'the nearest level the model knows')
  }
  return level
}

function budgetOf(
  wish: NonNullable<ChatRequest['reasoning']>,
  { profile, losses }: RequestEncoding,
): number | undefined {
  const { effort, budget, adaptive } = wish
  const most = profile.maxThinkingBudget ?? MOST_THINKING
  if (effort === undefined && budget === undefined) return adaptive === true ? -1 : undefined
  const off = effort === 'none' || (effort === undefined && budget === 0)
  if (off) {
    if (profile.canDisableThinking) return 0
    losses.approximate('thinking', 'the model always thinks; it is asked for the least')
    return LEAST_THINKING
  }
  if (budget !== undefined) {
    // A word beside a number says the same less exactly.
    if (effort !== undefined) losses.approximate('effort', 'the model takes a budget; the number is sent')
    if (budget > most) losses.approximate('thinking_budget', 'the most the model takes')
    return Math.min(budget, most)
  }
  losses.approximate('thinking_budget', 'the model takes a budget, not an effort')
  return Math.min(budgetOfEffort(effort ?? 'medium', profile), most)
}
