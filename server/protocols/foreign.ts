// What a request carries of other dialects when it is written in one: fields without a counterpart are reported, and
// those that the answer would be wrong without refuse the crossing.
import type { ChatRequest, Extras, Item } from './canonical.ts'
import { CannotCross, type LossReport } from './codec.ts'
import { lossOfField, noSuchField, type LossName } from './losses.ts'
import { saysNothing } from './no-wish.ts'
import { asObject, toSnake } from './read.ts'
import { findStoredId } from './stored-references.ts'

const LONGEST_ID = 60

/** Fields whose loss would change what is asked for, with what to do instead. */
const CANNOT_CROSS: Readonly<Record<string, string>> = {
  mcp_servers: 'Call the MCP servers yourself and pass their tools as functions.',
  container: 'Leave it out, or name a model of the provider that holds the container.',
  conversation: 'Send the whole conversation in the request.',
  background: 'Send the request without it and wait for the answer.',
  cachedContent: 'Send the content itself.',
  cached_content: 'Send the content itself.',
  audio: 'Ask for text, or name a model of the provider that answers in sound.',
  modalities: 'Ask for text, or name a model of the provider that answers in images or sound.',
  response_modalities: 'Ask for text, or name a model of the provider that answers in images or sound.',
  previous_response_id: 'Send the whole conversation in the request, with `store: false`.',
  prompt: 'Send the text of the prompt itself.',
  tool_choice: 'Let the model choose, or name a function.',
  // A form of the answer that only one dialect has; the well-known forms are carried.
  response_format: 'Ask for text, for JSON or for JSON by a schema.',
  text_format: 'Ask for text, for JSON or for JSON by a schema.',
  format: 'Ask for JSON by a schema.',
  responseMimeType: 'Ask for `text/plain` or `application/json`.',
}

/**
 * Items of Responses that only the provider they came from can go on from, by their `type`, with what to do instead.
 */
const CANNOT_CROSS_ITEMS: Readonly<Record<string, string>> = {
  item_reference: 'Send the item itself, with `store: false`.',
  compaction: 'Send the conversation itself.',
  ...Object.fromEntries(
    (
      'computer_call computer_call_output local_shell_call local_shell_call_output shell_call shell_call_output ' +
      'apply_patch_call apply_patch_call_output mcp_call mcp_list_tools mcp_approval_request mcp_approval_response'
    )
      .split(' ')
      .map((type) => [type, 'Leave it out, or name a model of the provider that ran the tool.']),
  ),
}

/** Left out elsewhere without a word: a client's note to its vendor, and how blocks lay whose content is carried. */
const NOTES: ReadonlySet<string> = new Set(['billing_header', 'document_blocks', 'document_title'])
/** Fields of messages whose loss would leave out what was said, with what to do instead. */
const CANNOT_CROSS_MESSAGES: Readonly<Record<string, string>> = {
  audio: 'What was said there is stored with its own provider. Send its words.',
}

/** Fields without a name of their own that say nothing where they say no. */
const OFF_BY_DEFAULT: ReadonlySet<string> = new Set(['background', 'enable_enhanced_civic_answers'])
/** Fields that hold others, each of which is a wish of its own. */
const HOLDERS: ReadonlySet<string> = new Set(['generation_config', 'output_config', 'tool_config'])
/** Fields that are known, but for these of their members. */
const PARTLY_KNOWN: ReadonlySet<string> = new Set(
  'caller stream_options thinking thinking_config reasoning function_calling_config'.split(' '),
)

/** Reports (or refuses) every extension and extra field that is not of the dialect `own`. */
export function reportForeignFields(request: ChatRequest, own: string, losses: LossReport): void {
  for (const [protocol, fields] of Object.entries(request.extensions)) {
    if (protocol !== own) reportFields(fields, losses)
  }
  for (const item of request.items) {
    if (item.kind === 'opaque' && own !== item.protocol) {
      if (item.protocol === 'openai-responses') refuseItem(item.raw)
      // What an earlier answer left behind is only history; what the user hands in is to be read.
      if (item.role !== 'assistant') refuseStored(item.raw)
    }
    // The name beside a result is the function's, which the item carries itself.
    const carried = item.kind === 'result' && item.name !== undefined ? 'name' : null
    reportExtra(item.extra, own, losses, 'message_fields', carried)
    if (item.kind !== 'result') continue
    for (const part of item.parts) {
      if (part.kind !== 'opaque') reportExtra(part.extra, own, losses, 'message_fields')
      else if (part.protocol !== own) refuseStored(part.raw)
    }
  }
  for (const tool of request.tools) reportExtra(tool.extra, own, losses, 'tool_fields')
}

function reportFields(fields: Readonly<Record<string, unknown>>, losses: LossReport): void {
  for (const [field, value] of Object.entries(fields)) {
    if (NOTES.has(field) || (saysNothing(value) && !isUnknownNo(field, value))) continue
    const inner = HOLDERS.has(field) ? asObject(value) : null
    if (inner) {
      reportFields(inner, losses)
      continue
    }
    const instead = Object.hasOwn(CANNOT_CROSS, field) ? CANNOT_CROSS[field] : undefined
    if (instead !== undefined) {
      const named = typeof value === 'string' ? ` ("${value}")` : ''
      throw new CannotCross(
        field,
        `The model asked for is served in a dialect without \`${field}\`${named}. ${instead}`,
      )
    }
    drop(field, value, lossOfField(field), losses)
  }
}

/**
 * A conversation that its provider made short: without the summary nothing before it is left, so it is said as text.
 */
export function tellSummaries(items: readonly Item[], own: string, losses: LossReport): readonly Item[] {
  return items.map((item) => {
    if (item.kind !== 'opaque' || item.protocol === own) return item
    const { type, content } = asObject(item.raw) ?? {}
    if (type !== 'compaction' || typeof content !== 'string') return item
    losses.approximate('compaction', 'the summary of the conversation is passed on as text')
    const { turn, cache } = item
    return { kind: 'text', role: 'assistant', text: content, turn, ...(cache ? { cache } : {}) }
  })
}

function refuseItem(raw: unknown): void {
  const { type, id } = asObject(raw) ?? {}
  const instead = typeof type === 'string' ? CANNOT_CROSS_ITEMS[type] : undefined
  if (instead === undefined) return
  const named = typeof id === 'string' ? ` "${id}"` : ''
  throw new CannotCross(
    'input',
    `The model asked for is served by a provider that cannot read the \`${String(type)}\` item${named}. ${instead}`,
  )
}

function refuseStored(raw: unknown): void {
  const id = findStoredId(raw)
  if (id === null) return
  const named = id.length > LONGEST_ID ? `${id.slice(0, LONGEST_ID).toWellFormed()}…` : id
  throw new CannotCross('file_id', `The file "${named}" is stored at another provider. Send its content.`)
}

function reportExtra(
  extra: Extras | undefined,
  own: string,
  losses: LossReport,
  kind: LossName,
  carried: string | null = null,
): void {
  for (const [protocol, fields] of Object.entries(extra ?? {})) {
    if (protocol === own) continue
    for (const [field, value] of Object.entries(fields)) {
      if (NOTES.has(field) || field === carried) continue
      const instead = kind === 'message_fields' ? CANNOT_CROSS_MESSAGES[field] : undefined
      if (instead !== undefined) throw new CannotCross('messages', `\`${field}\` cannot cross. ${instead}`)
      drop(field, value, lossOfField(field, kind), losses)
    }
  }
}

/** Nobody knows what happens where a field is not there that nobody knows, so "no" may be a wish. */
function isUnknownNo(field: string, value: unknown): boolean {
  return value === false && lossOfField(field) === 'other_fields' && !OFF_BY_DEFAULT.has(toSnake(field))
}

function drop(field: string, value: unknown, name: LossName, losses: LossReport): void {
  if (isUnknownNo(field, value)) losses.drop(name, missing(field, value))
  else losses.drop(name, missing(field, value), value)
}

function missing(field: string, value: unknown): string {
  return noSuchField(field, membersOf(field, value))
}

function membersOf(field: string, value: unknown): string[] {
  if (!PARTLY_KNOWN.has(toSnake(field))) return []
  return Object.entries(asObject(value) ?? {}).flatMap(([name, inner]) => [name, ...membersOf(name, inner)])
}
