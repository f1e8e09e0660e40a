// Tools and the choice among them as the Responses API declares them: flat functions, freeform tools, namespaces of
// both, and tools the provider runs itself.
import type { Builtin, ChatRequest, Tool, ToolChoice } from '../canonical.ts'
import { CannotCross, type LossReport } from '../codec.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { forcedBuiltin } from '../tool-choice.ts'
import { readSearch } from '../web-search.ts'
import { OWN } from './media.ts'
import { extraOf, listOf } from './parts.ts'

export interface Declared {
  readonly tools: Tool[]
  readonly builtins: Builtin[]
}

const WEB_SEARCH = /^web_search(?:_|$)/
const NAMESPACE_DESCRIPTION = 'namespace_description'

/** `declaredAt`: where in the conversation they stand, if not up front. */
export function decodeTools(value: unknown, declaredAt?: number): Declared {
  const declared: Declared = { tools: [], builtins: [] }
  const place = declaredAt === undefined ? {} : { declaredAt }
  for (const entry of listOf(value)) {
    const raw = asObject(entry)
    const type = asText(raw?.['type'])
    if (!raw || type === null) {
      throw new CannotCross('tools', 'Each tool must be an object with a `type`.', 'bad_request')
    }
    if (type === 'function' || type === 'custom') declared.tools.push({ ...decodeTool(raw), ...place })
    else if (type === 'namespace') declared.tools.push(...decodeNamespace(raw).map((tool) => ({ ...tool, ...place })))
    else {
      const kind = WEB_SEARCH.test(type) ? 'web_search' : 'other'
      declared.builtins.push({ protocol: OWN, kind, name: kind === 'other' ? type : 'web_search', raw, ...place })
    }
  }
  return declared
}

function decodeTool(raw: JsonObject): Tool {
  const name = asText(raw['name'])
  if (name === null || name === '') {
    throw new CannotCross('tools', 'Each function and custom tool must have a `name`.', 'bad_request')
  }
  const description = asText(raw['description'])
  const said = description === null ? {} : { description }
  if (raw['type'] === 'custom') {
    const grammar = asObject(raw['format'])
    const known = ['type', 'name', 'description', 'format']
    return { kind: 'freeform', name, ...said, ...(grammar ? { grammar } : {}), ...extraOf(raw, known) }
  }
  const { parameters, strict } = raw
  return {
    kind: 'function',
    name,
    ...said,
    ...(asObject(parameters) ? { schema: parameters } : {}),
    ...(typeof strict === 'boolean' ? { strict } : {}),
    ...extraOf(raw, ['type', 'name', 'description', 'parameters', 'strict']),
  }
}

function decodeNamespace(raw: JsonObject): Tool[] {
  const namespace = asText(raw['name'])
  if (namespace === null || namespace === '') {
    throw new CannotCross('tools', 'A namespace of tools must have a `name`.', 'bad_request')
  }
  const description = asText(raw['description'])
  return listOf(raw['tools']).flatMap((entry, index) => {
    const member = asObject(entry)
    if (member?.['type'] !== 'function' && member?.['type'] !== 'custom') return []
    const tool = { ...decodeTool(member), namespace }
    if (index > 0 || description === null || description === '') return [tool]
    return [{ ...tool, extra: { [OWN]: { ...tool.extra?.[OWN], [NAMESPACE_DESCRIPTION]: description } } }]
  })
}

/** Tools in the dialect; members of a namespace stand together where its first one stood. */
export function encodeTools(tools: readonly Tool[], wireName: (name: string) => string, ours: boolean): JsonObject[] {
  const wire: Record<string, unknown>[] = []
  const namespaces = new Map<string, Record<string, unknown>[]>()
  for (const tool of tools) {
    const { namespace } = tool
    if (namespace === undefined) {
      wire.push(encodeTool(tool, wireName(tool.name), ours))
      continue
    }
    let members = namespaces.get(namespace)
    if (!members) {
      members = []
      namespaces.set(namespace, members)
      const description = tool.extra?.[OWN]?.[NAMESPACE_DESCRIPTION] ?? namespace
      wire.push({ type: 'namespace', name: namespace, description, tools: members })
    }
    members.push(encodeTool(tool, tool.name, ours))
  }
  return wire
}

function encodeTool(tool: Tool, name: string, ours: boolean): Record<string, unknown> {
  const { [NAMESPACE_DESCRIPTION]: _, ...extra } = tool.extra?.[OWN] ?? {}
  const said = tool.description === undefined ? {} : { description: tool.description }
  if (tool.kind === 'freeform') {
    const format = encodeGrammar(tool.grammar)
    return { type: 'custom', name, ...said, ...(format ? { format } : {}), ...extra }
  }
  // Left out, `strict` would be true: a schema of another dialect seldom keeps its rules.
  const strict = tool.strict ?? (ours ? undefined : false)
  return {
    type: 'function',
    name,
    ...said,
    parameters: tool.schema ?? null,
    ...(strict === undefined ? {} : { strict }),
    ...extra,
  }
}

// Chat Completions holds a grammar one level deeper.
function encodeGrammar(grammar: unknown): JsonObject | null {
  const raw = asObject(grammar)
  const inner = asObject(raw?.['grammar'])
  return inner ? { type: 'grammar', ...inner } : raw
}

/**
 * null where the choice is of a kind the middle model does not know: a tool that is not there, or of a server of tools.
 */
export function decodeToolChoice(value: unknown, builtins: readonly Builtin[]): ToolChoice | null {
  if (value === 'auto' || value === 'none' || value === 'required') return { mode: value }
  const raw = asObject(value)
  const name = asText(raw?.['name'])
  if (raw?.['type'] === 'function' || raw?.['type'] === 'custom') {
    if (name === null) throw new CannotCross('tool_choice', 'A named tool choice must have a `name`.', 'bad_request')
    const namespace = asText(raw['namespace'])
    return { mode: 'named', name, ...(namespace === null ? {} : { namespace }) }
  }
  if (raw?.['type'] !== 'allowed_tools') {
    const builtin = raw && builtinOf(raw, builtinsByType(builtins))
    return builtin ? { mode: 'named', name: builtin.name, builtin: true } : null
  }
  const byType = builtinsByType(builtins)
  const names = listOf(raw['tools']).map((entry) => {
    const tool = asObject(entry)
    if (tool?.['type'] === 'function' || tool?.['type'] === 'custom') return asText(tool['name'])
    return (tool && builtinOf(tool, byType)?.name) ?? null
  })
  const known = names.filter((entry) => entry !== null)
  return known.length === names.length ? { mode: 'allowed', names: known, required: raw['mode'] === 'required' } : null
}

/** A tool the provider runs is named by its type, where that is all the choice says. */
function builtinOf(choice: JsonObject, byType: ReadonlyMap<unknown, Builtin>): Builtin | null {
  const type = asText(choice['type'])
  if (type === null || Object.keys(choice).length > 1) return null
  return byType.get(typeForChoice(type)) ?? null
}

/** The first of each type; searches have many names for one. */
function builtinsByType(builtins: readonly Builtin[]): ReadonlyMap<unknown, Builtin> {
  const byType = new Map<unknown, Builtin>()
  for (const builtin of builtins) {
    const type = builtin.kind === 'web_search' ? 'web_search' : asObject(builtin.raw)?.['type']
    if (!byType.has(type)) byType.set(type, builtin)
  }
  return byType
}

function typeForChoice(type: string): string {
  return WEB_SEARCH.test(type) ? 'web_search' : type
}

export function typeOfBuiltin({ protocol, raw }: Builtin): string {
  return (protocol === OWN ? asText(asObject(raw)?.['type']) : null) ?? 'web_search'
}

export function encodeToolChoice(
  choice: ToolChoice,
  { tools, builtins }: Pick<ChatRequest, 'tools' | 'builtins'>,
  wireName: (name: string) => string,
): unknown {
  const known = new Set(tools.map(({ name }) => name))
  const freeform = new Set(tools.filter(({ kind }) => kind === 'freeform').map(({ name }) => name))
  const ofProviders = new Map(builtins.toReversed().map((builtin) => [builtin.name, builtin]))
  const typeOf = (name: string): string => (freeform.has(name) ? 'custom' : 'function')
  const allow = (name: string): JsonObject => {
    const builtin = known.has(name) ? undefined : ofProviders.get(name)
    return builtin ? { type: typeOfBuiltin(builtin) } : { type: typeOf(name), name: wireName(name) }
  }
  switch (choice.mode) {
    case 'named': {
      const { name, namespace } = choice
      const builtin = forcedBuiltin({ toolChoice: choice, tools, builtins })
      if (builtin) return { type: typeOfBuiltin(builtin) }
      if (namespace !== undefined) return { type: typeOf(name), name, namespace }
      return { type: typeOf(name), name: wireName(name) }
    }
    case 'allowed':
      return {
        type: 'allowed_tools',
        mode: choice.required ? 'required' : 'auto',
        tools: choice.names.map(allow),
      }
    default:
      return choice.mode
  }
}

/**
 * Tools of providers: one's own as they are, another's search as one's own; the rest is left out while others remain.
 */
export function encodeBuiltins(request: ChatRequest, losses: LossReport): { raw: JsonObject; declaredAt?: number }[] {
  const wire: { raw: JsonObject; declaredAt?: number }[] = []
  const left: Builtin[] = []
  for (const builtin of request.builtins) {
    const { protocol, kind, raw, declaredAt } = builtin
    const place = declaredAt === undefined ? {} : { declaredAt }
    if (protocol === OWN) wire.push({ raw: asObject(raw) ?? {}, ...place })
    else if (kind === 'web_search') wire.push({ raw: convertWebSearch(builtin, losses), ...place })
    else left.push(builtin)
  }
  const forced = forcedBuiltin(request)
  for (const builtin of left) {
    const { name } = builtin
    if (builtin === forced || (request.tools.length === 0 && wire.length === 0)) {
      throw new CannotCross('tools', `The provider of the model asked for has no "${name}". Leave it out.`)
    }
    losses.drop('builtin_tools', `the provider has no \`${name}\``)
  }
  return wire
}

const SEARCH_SETTINGS = new Set(['allowed_domains', 'user_location', 'search_context_size'] as const)

function convertWebSearch(builtin: Builtin, losses: LossReport): JsonObject {
  const {
    allowed_domains: domains = [],
    user_location: where,
    search_context_size: size,
  } = readSearch(builtin, SEARCH_SETTINGS, losses)
  return {
    type: 'web_search',
    ...(domains.length > 0 ? { filters: { allowed_domains: domains } } : {}),
    ...(where ? { user_location: { ...where, type: 'approximate' } } : {}),
    ...(size === undefined ? {} : { search_context_size: size }),
  }
}
