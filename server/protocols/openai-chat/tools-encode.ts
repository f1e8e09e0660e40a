// Tools and the choice among them, for one server of this dialect.
import type { Builtin, ChatRequest, Tool, ToolChoice } from '../canonical.ts'
import { CannotCross } from '../codec.ts'
import { describeFreeform, FREEFORM_SCHEMA } from '../freeform.ts'
import { asObject, asText } from '../read.ts'
import { writeCache } from './cache.ts'
import { allowedBuiltins, forcedBuiltin } from '../tool-choice.ts'
import type { Message, MessageEncoding } from './writing.ts'
import { CHAT, compact, ownExtra } from './names.ts'

export interface EncodedTools {
  readonly fields: Message
  /** Thinking must be off: the server refuses a forced choice beside it. */
  readonly thinkingOff: boolean
}

export function encodeTools(request: ChatRequest, encoding: MessageEncoding): EncodedTools {
  const { profile, losses } = encoding
  const { choice, tools } = narrowTools(request, encoding)
  const builtins = ownBuiltins(request, encoding, tools.length > 0, choice?.mode !== 'none')
  const search = builtins.map(({ raw }) => asObject(asObject(raw)?.['web_search_options'])).find(Boolean)
  const listed = builtins.flatMap(({ raw }) => {
    const tool = asObject(raw)
    return tool && !('web_search_options' in tool) ? [{ ...tool }] : []
  })
  const written = [...tools.map((tool) => encodeTool(tool, encoding)), ...listed]
  const options = search ? { web_search_options: search } : {}
  const forced = choice !== undefined && choice.mode !== 'auto' && choice.mode !== 'none' && !isWish(choice)
  if (written.length === 0) {
    if (forced) throw new CannotCross('tool_choice', 'A tool is forced, but there are none.', 'bad_request')
    return { fields: options, thinkingOff: false }
  }
  const thinkingOff = forced && !profile.dialect.forcedToolChoice
  if (thinkingOff) {
    if (profile.dialect.reasoningIn !== 'thinking') {
      throw new CannotCross('tool_choice', 'The model asked for cannot be forced to call a tool. Send "auto".')
    }
    losses.approximate('thinking', 'a tool cannot be forced while the model thinks')
  }
  const parallel = choice?.mode === 'none' ? undefined : request.parallel
  if (parallel === false && !profile.dialect.parallelFlag) {
    losses.drop('parallel_tool_calls', 'the provider has no such field')
  }
  return {
    fields: compact({
      tools: written,
      tool_choice: encodeChoice(choice, request, encoding),
      parallel_tool_calls: profile.dialect.parallelFlag ? parallel : undefined,
      ...options,
    }),
    thinkingOff,
  }
}

function isWish(choice: ToolChoice): boolean {
  return choice.mode === 'allowed' && !choice.required
}

/** Servers that do not know a choice among some tools are told of those only. */
function narrowTools(request: ChatRequest, { profile }: MessageEncoding) {
  const choice = request.toolChoice
  if (choice?.mode !== 'allowed' || profile.dialect.customTools) return { choice, tools: request.tools }
  const allowed = new Set(choice.names)
  const mode = choice.required ? 'required' : 'auto'
  return { choice: { mode } as const, tools: request.tools.filter(({ name }) => allowed.has(name)) }
}

/** Tools that providers run themselves go to servers of this dialect only; others go unless nothing is left without. */
function ownBuiltins(request: ChatRequest, { losses }: MessageEncoding, others: boolean, callable: boolean): Builtin[] {
  const builtins = allowedBuiltins(request)
  const forced = forcedBuiltin(request)
  const own = builtins.filter(({ protocol }) => protocol === CHAT)
  for (const builtin of builtins) {
    const { protocol, kind, name } = builtin
    if (protocol === CHAT) continue
    const alone = !others && own.length === 0
    if (builtin === forced || (alone && callable)) {
      throw new CannotCross('tools', `The tool "${name}" is run by its own provider only. Send functions instead.`)
    }
    losses.drop(kind === 'web_search' ? kind : 'builtin_tools', `\`${name}\` is run by its own provider only`)
  }
  return own
}

function encodeTool(tool: Tool, encoding: MessageEncoding): Message {
  const { profile, names, losses } = encoding
  const { dialect } = profile
  const name = names.wireName(tool.name, tool.namespace)
  const more = { ...writeCache(tool.cache, encoding), ...ownExtra(tool.extra) }
  if (tool.kind === 'freeform') {
    if (dialect.customTools) {
      const format = encodeGrammar(tool.grammar)
      return { type: 'custom', custom: compact({ name, description: tool.description, format }), ...more }
    }
    return { type: 'function', function: { name, ...freeformFunction(tool) }, ...more }
  }
  if (tool.strict === true && !dialect.strictTools) losses.drop('strict', 'the provider does not know it')
  const inner = compact({
    name,
    description: tool.description,
    parameters: tool.schema,
    strict: dialect.strictTools ? tool.strict : undefined,
  })
  return { type: 'function', function: inner, ...more }
}

function encodeGrammar(grammar: unknown): Message | undefined {
  const format = asObject(grammar)
  if (!format) return undefined
  const definition = asText(format['definition'])
  return definition === null ? { ...format } : { type: 'grammar', grammar: { syntax: format['syntax'], definition } }
}

function freeformFunction(tool: Tool): Message {
  return compact({ description: describeFreeform(tool), parameters: FREEFORM_SCHEMA })
}

/** Tools that providers run have no name to be allowed by. */
function functionsOf(wanted: readonly string[], { tools, builtins }: ChatRequest): readonly string[] {
  const known = new Set(tools.map(({ name }) => name))
  const ofProviders = new Set(builtins.map(({ name }) => name))
  const functions = wanted.filter((name) => known.has(name) || !ofProviders.has(name))
  if (functions.length > 0) return functions
  throw new CannotCross('tool_choice', 'The model asked for cannot be forced to use a tool that is no function.')
}

function encodeChoice(choice: ToolChoice | undefined, request: ChatRequest, encoding: MessageEncoding): unknown {
  if (!choice) return undefined
  const { names, profile } = encoding
  const kindOf = (name: string): Message => {
    const known = names.known.get(name)
    return known?.style === 'freeform' && profile.dialect.customTools
      ? { type: 'custom', custom: { name } }
      : { type: 'function', function: { name } }
  }
  switch (choice.mode) {
    case 'named':
      return kindOf(names.wireName(choice.name, choice.namespace))
    case 'allowed': {
      const mode = choice.required ? 'required' : 'auto'
      return {
        type: 'allowed_tools',
        allowed_tools: { mode, tools: functionsOf(choice.names, request).map((name) => kindOf(names.wireName(name))) },
      }
    }
    default:
      return choice.mode
  }
}
