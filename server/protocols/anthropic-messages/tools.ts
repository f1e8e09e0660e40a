// Tools, the choice among them and the schema-bound answer of models that only know it as a forced tool.
import type { Builtin, ChatRequest, Tool } from '../canonical.ts'
import { CannotCross, type LossReport, type RequestEncoding } from '../codec.ts'
import { asObject } from '../read.ts'
import { describeFreeform, FREEFORM_SCHEMA } from '../freeform.ts'
import { allowedBuiltins, forcedBuiltin } from '../tool-choice.ts'
import { createToolNames, type KnownTool, type ToolNames } from '../tool-names.ts'
import { readSearch } from '../web-search.ts'
import type { Breakpoints } from './cache.ts'
import { ownExtra, PROTOCOL } from './names.ts'
import { fitSchema } from './schema.ts'

const WEB_SEARCH = 'web_search'

export interface EncodedTools {
  readonly tools: Record<string, unknown>[]
  readonly choice?: Record<string, unknown>
  readonly names: ToolNames
  readonly known: ReadonlyMap<string, KnownTool>
  /** The model must call something. */
  readonly forced: boolean
}

export function encodeTools(request: ChatRequest, encoding: RequestEncoding, breakpoints: Breakpoints): EncodedTools {
  const names = createToolNames(request.tools, encoding.hash8)
  const known = new Map<string, KnownTool>(names.known)
  const { toolChoice } = request
  const allowed = toolChoice?.mode === 'allowed' ? new Set(toolChoice.names) : null
  const offered = allowed ? request.tools.filter((tool) => allowed.has(tool.name)) : request.tools
  const tools = offered.map((tool) => {
    const wire = encodeTool(tool, names, encoding)
    breakpoints.mark(wire, tool.cache)
    return wire
  })
  const taken = new Set(tools.map((tool) => tool['name']))
  const forcedOne = forcedBuiltin(request)
  for (const builtin of allowedBuiltins(request)) {
    const wire = encodeBuiltin(builtin, builtin === forcedOne, encoding.losses)
    if (!wire || (wire['name'] !== undefined && taken.has(wire['name']))) continue
    taken.add(wire['name'])
    breakpoints.count(wire)
    tools.push(wire)
  }
  refuseLoneBuiltins(request, tools)
  const schemaTool = encodeSchemaTool(request, encoding, known)
  if (schemaTool) tools.push(schemaTool)
  const choice = encodeChoice(request, tools, names, schemaTool, encoding.losses)
  const forced = choice?.['type'] === 'any' || choice?.['type'] === 'tool'
  return { tools, ...(choice ? { choice } : {}), names, known, forced }
}

function encodeTool(tool: Tool, names: ToolNames, { profile, losses }: RequestEncoding): Record<string, unknown> {
  const base = { ...ownExtra(tool.extra), name: names.wireName(tool.name, tool.namespace) }
  if (tool.kind === 'freeform') {
    const description = describeFreeform(tool)
    return { ...base, ...(description === undefined ? {} : { description }), input_schema: FREEFORM_SCHEMA }
  }
  const strict = tool.strict === true && profile.schema === 'native'
  if (tool.strict === true && !strict) losses.drop('strict', 'the model has no strict tools')
  const schema = asObject(tool.schema) ?? {}
  const fitted = strict ? fitSchema({ type: 'object', properties: {}, ...schema }) : null
  if (fitted?.changed) losses.approximate('schema', 'keywords of a strict schema are said in words')
  return {
    ...base,
    ...(tool.description === undefined ? {} : { description: tool.description }),
    input_schema:
      fitted?.schema ?? (schema['type'] === 'object' ? schema : { properties: {}, ...schema, type: 'object' }),
    ...(strict ? { strict } : {}),
  }
}

function encodeBuiltin(builtin: Builtin, isForced: boolean, losses: LossReport): Record<string, unknown> | null {
  const raw = asObject(builtin.raw) ?? {}
  if (builtin.protocol === PROTOCOL) return { ...raw }
  if (builtin.kind === 'web_search') return encodeWebSearch(builtin, losses)
  if (isForced) throw loneBuiltin(builtin.name)
  losses.drop('builtin_tools', `the provider has no \`${builtin.name}\``)
  return null
}

function encodeWebSearch(builtin: Builtin, losses: LossReport): Record<string, unknown> {
  const given = asObject(builtin.raw)
  const filters = asObject(given?.['filters']) ?? given
  // Only one of the two lists may stand.
  const list = Array.isArray(filters?.['allowed_domains']) ? 'allowed_domains' : 'blocked_domains'
  const { user_location: where, ...settings } = readSearch(
    builtin,
    new Set([list, 'user_location', 'max_uses'] as const),
    losses,
  )
  return {
    type: 'web_search_20250305',
    name: WEB_SEARCH,
    ...settings,
    ...(where ? { user_location: { type: 'approximate', ...where } } : {}),
  }
}

function refuseLoneBuiltins(request: ChatRequest, tools: readonly unknown[]): void {
  const lone = request.builtins.find((builtin) => builtin.protocol !== PROTOCOL && builtin.kind !== 'web_search')
  if (lone && tools.length === 0 && request.toolChoice?.mode !== 'none') throw loneBuiltin(lone.name)
}

function loneBuiltin(name: string): CannotCross {
  return new CannotCross('tools', `The model asked for has no tool \`${name}\`. Pass a function, or ask without it.`)
}

function encodeSchemaTool(
  { format }: ChatRequest,
  { profile, losses, hash8 }: RequestEncoding,
  known: Map<string, KnownTool>,
): Record<string, unknown> | null {
  if (format?.kind !== 'json_schema' || profile.schema === 'native') return null
  const schema = asObject(format.schema)
  if (schema?.['type'] !== 'object') {
    const text = 'The model asked for answers by a schema only where it describes an object. Wrap it in one.'
    throw new CannotCross('response_format', text)
  }
  losses.approximate('response_format', 'the model is bound to the schema by a tool it must call')
  const name = known.has('json') ? `json_${hash8('json')}` : 'json'
  known.set(name, { name, style: 'json', asText: true })
  const described = format.description === undefined ? '' : ` ${format.description}`
  return { name, description: `Respond with a JSON object.${described}`, input_schema: schema }
}

function encodeChoice(
  request: ChatRequest,
  tools: readonly Record<string, unknown>[],
  names: ToolNames,
  schemaTool: Record<string, unknown> | null,
  losses: LossReport,
): Record<string, unknown> | undefined {
  const { toolChoice, parallel } = request
  if (tools.length === 0) {
    const { mode } = toolChoice ?? {}
    if (mode === 'required' || mode === 'named') losses.drop('tool_choice', 'there is no tool to choose')
    return undefined
  }
  const single = parallel === false ? { disable_parallel_tool_use: true } : {}
  const builtin = forcedBuiltin(request)
  if (builtin) return { type: 'tool', name: builtin.protocol === PROTOCOL ? builtin.name : WEB_SEARCH, ...single }
  if (toolChoice?.mode === 'named')
    return { type: 'tool', name: names.wireName(toolChoice.name, toolChoice.namespace), ...single }
  if (schemaTool) {
    const alone = tools.length === 1 || toolChoice?.mode === 'none'
    return {
      ...(alone ? { type: 'tool', name: schemaTool['name'] } : { type: 'any' }),
      disable_parallel_tool_use: true,
    }
  }
  if (toolChoice?.mode === 'none') return { type: 'none' }
  const isRequired = toolChoice?.mode === 'required' || (toolChoice?.mode === 'allowed' && toolChoice.required)
  if (isRequired) return { type: 'any', ...single }
  return toolChoice !== undefined || parallel === false ? { type: 'auto', ...single } : undefined
}
