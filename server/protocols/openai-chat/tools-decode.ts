// Tools and the choice among them, in this dialect's shapes: nested, older (`functions`), flat as in Responses, and
// Anthropic's.
import type { Builtin, Tool, ToolChoice } from '../canonical.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { cached } from './cache.ts'
import { asBoolean, asList, CHAT, compact, extraOf, restOf, fieldNames } from './names.ts'

const KNOWN_FIELDS = fieldNames(
  'type function custom name description parameters input_schema strict format cache_control',
  'prompt_cache_breakpoint',
)

export function readTools(body: JsonObject): { tools: Tool[]; builtins: Builtin[] } {
  const tools: Tool[] = []
  const builtins: Builtin[] = []
  const listed = Array.isArray(body['tools']) ? asList(body['tools']) : []
  const older = listed.length > 0 ? [] : asList(body['functions']).map((entry) => ({ function: entry }))
  for (const entry of [...listed, ...older]) {
    const raw = asObject(entry)
    const tool = raw && readTool(raw)
    if (tool) tools.push(tool)
    else if (raw) {
      const type = asText(raw['type']) ?? 'tool'
      builtins.push({ protocol: CHAT, kind: /web_search/.test(type) ? 'web_search' : 'other', name: type, raw })
    }
  }
  return { tools, builtins }
}

function readTool(raw: JsonObject): Tool | null {
  const type = raw['type']
  const custom = asObject(raw['custom']) ?? (type === 'custom' && asText(raw['name']) !== null ? raw : null)
  const nested = asObject(raw['function'])
  if (custom && !nested && type === 'custom' && raw['input_schema'] === undefined) return readFreeform(raw, custom)
  // Flat, as in Responses, or with Anthropic's `input_schema` and maybe no type at all.
  const flat = type === 'function' || type === undefined || raw['input_schema'] !== undefined ? raw : null
  const inner = nested ?? flat
  const name = asText(inner?.['name'])
  if (!inner || name === null) return null
  const fields = {
    description: asText(inner['description']) ?? undefined,
    schema: inner['parameters'] ?? inner['input_schema'] ?? undefined,
    strict: asBoolean(inner['strict']),
  }
  return {
    kind: 'function',
    name,
    ...(compact(fields) as { description?: string }),
    ...(cached(raw) ?? cached(inner)),
    ...extraOf(restOf(raw, KNOWN_FIELDS)),
  }
}

function readFreeform(raw: JsonObject, custom: JsonObject): Tool | null {
  const name = asText(custom['name'])
  if (name === null) return null
  const format = asObject(custom['format'])
  const grammar = format && format['type'] !== 'text' ? { grammar: flattenGrammar(format) } : {}
  const description = asText(custom['description'])
  return {
    kind: 'freeform',
    name,
    ...(description === null ? {} : { description }),
    ...grammar,
    ...cached(raw),
    ...extraOf(restOf(raw, KNOWN_FIELDS)),
  }
}

// Responses writes the grammar flat; that is the shape kept, so both dialects agree.
function flattenGrammar(format: JsonObject): JsonObject {
  const inner = asObject(format['grammar'])
  return inner ? { type: 'grammar', ...inner } : format
}

export function readToolChoice(body: JsonObject): { choice?: ToolChoice; parallel?: boolean } {
  const value = body['tool_choice'] ?? legacyChoice(body['function_call'])
  if (value === 'auto' || value === 'none' || value === 'required') return { choice: { mode: value } }
  if (value === 'any') return { choice: { mode: 'required' } }
  const object = asObject(value)
  const parallel = object?.['disable_parallel_tool_use'] === true ? { parallel: false } : {}
  switch (object?.['type']) {
    case 'auto':
    case 'none':
      return { choice: { mode: object['type'] }, ...parallel }
    case 'any':
      return { choice: { mode: 'required' }, ...parallel }
    case 'allowed_tools':
      return { choice: readAllowed(object), ...parallel }
    default: {
      const name = nameOf(object)
      return name === null ? {} : { choice: { mode: 'named', name }, ...parallel }
    }
  }
}

function legacyChoice(value: unknown): unknown {
  const name = asText(asObject(value)?.['name'])
  return name === null ? value : { type: 'function', function: { name } }
}

function readAllowed(object: JsonObject): ToolChoice {
  const inner = asObject(object['allowed_tools']) ?? object
  const names = asList(inner['tools']).flatMap((entry) => nameOf(asObject(entry)) ?? [])
  return { mode: 'allowed', names, required: inner['mode'] === 'required' }
}

function nameOf(object: JsonObject | null): string | null {
  const inner = asObject(object?.['function']) ?? asObject(object?.['custom']) ?? object
  return asText(inner?.['name'])
}
