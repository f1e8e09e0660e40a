// Tools of a request that the provider itself runs: each use is another pass over the conversation with what the tool
// found in it, and searches have a price of their own. Tools that the client runs end the answer instead.
import type { ProtocolId } from './protocol.ts'
import { asObject, asText, boundOf, type JsonObject } from './read.ts'

export interface ToolDemand {
  /** Uses of tools that the provider runs, at most; as many as are usual where the request names no bound. */
  readonly toolUses: number
  /** Of those, searches that are paid for one by one. */
  readonly searches: number
  /** Passes over what the request itself brings: tools that only look through its other tools. */
  readonly rereads: number
  /** Tokens with which the vendor introduces tools to the model, beside what the request says of them. */
  readonly toolWords: number
  /** A tool whose price nobody counts. */
  readonly uncounted: string | null
}

/** Where nothing bounds them; Anthropic pauses an answer after so many. */
const USUAL_USES = 10
const TOOLS_WORDS = 1_000
const VENDOR_TOOL_WORDS = 2_000
/** They make pictures, run machines or ask another model, at prices of their own. */
const UNCOUNTED = /^(?:image_generation|code_interpreter|advisor)/

const FUNCTIONS: ReadonlySet<string> = new Set(['', 'function', 'custom', 'namespace'])
/** A vendor's tools that run at the client. */
const AT_CLIENT = /^(?:bash|text_editor|computer|memory|local_shell|apply_patch)/

interface Found {
  uses: number
  searches: number
  rereads: number
  words: number
  uncounted: string | null
}

export function readToolDemand(dialect: ProtocolId, body: JsonObject): ToolDemand {
  const found: Found = { uses: 0, searches: 0, rereads: 0, words: 0, uncounted: null }
  const tools = [body['tools'], body['functions']].flatMap((list) => (Array.isArray(list) ? list : []))
  if (tools.length > 0) found.words += TOOLS_WORDS
  for (const tool of tools) {
    const object = asObject(tool)
    if (!object) continue
    if (dialect === 'gemini') takeGeminiTool(object, found)
    else takeTool(object, found)
  }
  if (asObject(body['web_search_options'])) takeUses(found, 1, true)
  for (const beside of ['search_parameters', 'plugins'])
    if (body[beside] !== undefined) takeUses(found, USUAL_USES, true)
  if (body['mcp_servers'] !== undefined) takeUses(found, USUAL_USES, false)
  const atMost = boundOf(body['max_tool_calls']) ?? Infinity
  return {
    toolUses: Math.min(found.uses, atMost),
    searches: Math.min(found.searches, atMost),
    rereads: found.rereads,
    toolWords: found.words,
    uncounted: found.uncounted,
  }
}

function takeUses(found: Found, uses: number, isSearch: boolean): void {
  found.uses += uses
  if (isSearch) found.searches += uses
}

function takeTool(tool: JsonObject, found: Found): void {
  const type = asText(tool['type']) ?? ''
  if (FUNCTIONS.has(type)) return
  found.words += VENDOR_TOOL_WORDS
  if (UNCOUNTED.test(type)) found.uncounted ??= type
  const isLocalShell = type === 'shell' && asObject(tool['environment'])?.['type'] === 'local'
  if (AT_CLIENT.test(type) || isLocalShell) return
  if (type.startsWith('tool_search')) return void (found.rereads += USUAL_USES)
  takeUses(found, boundOf(tool['max_uses']) ?? USUAL_USES, type.includes('web_search') || type === 'live_search')
}

/** Its tools are told by their names; what a search finds is not read into the prompt, and not paid for by tokens. */
function takeGeminiTool(tool: JsonObject, found: Found): void {
  for (const name of Object.keys(tool)) {
    if (/^(?:function_?declarations|computer_?use)$/i.test(name)) continue
    found.words += VENDOR_TOOL_WORDS
    found.uses++
    if (/search|maps/i.test(name) && !/file/i.test(name)) found.searches += USUAL_USES
  }
}
