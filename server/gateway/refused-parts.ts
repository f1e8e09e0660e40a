// Fields of a body and flags of `anthropic-beta` that a server names in its 400 as unknown to it: read from its words,
// and taken out of what is sent. What a request cannot do without (its messages, tools, forced choice, schema, limits)
// is never taken out: then the 400 stands.
import { memberOf, parseJsonTree, readJsonString, removeChildren, type JsonNode } from '../kernel/json-tree.ts'
import { lossOfField, type LossName } from '../protocols/losses.ts'

export interface RefusedParts {
  /** Paths such as `context_management` or `tools.*.custom.defer_loading`; `*` is any place of a list. */
  readonly fields: ReadonlySet<string>
  readonly betas: ReadonlySet<string>
}

export const NOTHING_REFUSED: RefusedParts = { fields: new Set(), betas: new Set() }

const EXTRA_INPUT = /([\w$-]+(?:[.[\]]+[\w$-]+)*)\]?: Extra inputs are not permitted/gi
const UNKNOWN_NAME = /Unknown name \\?"([\w$-]+)\\?"(?: at '([^']{1,200})')?: Cannot find field/gi
const UNEXPECTED_BETAS = /Unexpected value\(s\) ([^\n]{1,500}?) for the [`'"]?anthropic-beta/i
/** Of a provider's sentence. */
const LONGEST_WORDS = 4_000
const FLAG = /[\w.-]*\d{4}-\d{2}-\d{2}[\w.-]*|[\w-]+/g

/** Without these a request would mean something else; and what makes a block a block. */
const NEEDED: ReadonlySet<string> = new Set(
  (
    'model messages system tools tool_choice tool_config stop stop_sequences max_tokens max_output_tokens format schema ' +
    'output_format response_format response_schema response_json_schema response_mime_type input instructions contents ' +
    'system_instruction generation_config function_declarations parameters parameters_json_schema input_schema role type ' +
    'content parts text source data media_type tool_use_id id name is_error stream'
  ).split(' '),
)

/** What a refusal names; null where it names nothing that can be left out. */
export function readRefusedParts(words: string): { fields: string[]; betas: string[] } | null {
  const message = words.slice(0, LONGEST_WORDS)
  const fields = [
    ...[...message.matchAll(EXTRA_INPUT)].map(([, path]) => path!),
    ...[...message.matchAll(UNKNOWN_NAME)].map(([, name, at]) => (at === undefined ? name! : `${at}.${name!}`)),
  ]
    .map(generalise)
    .filter((path) => !NEEDED.has(snakeOf(lastOf(path))))
  const betas = [...(UNEXPECTED_BETAS.exec(message)?.[1]?.matchAll(FLAG) ?? [])].map(([flag]) => flag)
  return fields.length === 0 && betas.length === 0 ? null : { fields, betas }
}

/** What the loss of a part is called in the warnings. */
export function nameOfField(path: string): LossName {
  const kind = path.startsWith('messages.')
    ? 'message_fields'
    : path.startsWith('tools.')
      ? 'tool_fields'
      : 'other_fields'
  return lossOfField(lastOf(path), kind)
}

/** The body without these fields, and which of them it had. The same bytes where it had none. */
export function removeFields(
  body: readonly Uint8Array[],
  fields: ReadonlySet<string>,
): { body: readonly Uint8Array[]; removed: readonly string[] } {
  if (fields.size === 0) return { body, removed: [] }
  const bytes = Buffer.concat(body)
  const root = parseJsonTree(bytes)
  if (!root) return { body, removed: [] }
  const gone = new Map<JsonNode, Set<JsonNode>>()
  const removed = [...fields].filter((path) => mark(bytes, root, path.split('.'), gone))
  let text: Uint8Array[] = []
  let from = 0
  const edits = [...gone].flatMap(([parent, children]) => removeChildren(parent, children))
  for (const { start, end } of edits.sort((a, b) => a.start - b.start || b.end - a.end)) {
    // Inside of what is gone already.
    if (end <= from) continue
    text.push(bytes.subarray(from, Math.max(start, from)))
    from = end
  }
  text.push(bytes.subarray(from))
  if (removed.length === 0) text = [bytes]
  return { body: text, removed }
}

/** Marks what stands at the path below `node`; false where nothing does. */
function mark(bytes: Buffer, node: JsonNode, path: readonly string[], gone: Map<JsonNode, Set<JsonNode>>): boolean {
  const [step, ...rest] = path
  if (step === undefined) return false
  if (step === '*') {
    const items = node.kind === 'array' ? node.items : []
    return items.map((item) => mark(bytes, item, rest, gone)).includes(true)
  }
  const child = childOf(node, step)
  // A step that no member is called by tells which kind of block is meant.
  if (!child) return rest.length > 0 && isOfKind(bytes, node, step) && mark(bytes, node, rest, gone)
  if (rest.length > 0) return mark(bytes, child, rest, gone)
  // A schema the answer must fit stands there.
  if (memberOf(child, 'format')) return false
  const children = gone.get(node) ?? new Set()
  gone.set(node, children.add(child))
  return true
}

/** A field that one kind of block may not have is left to the other kinds; a block that names none is of any. */
function isOfKind(bytes: Buffer, node: JsonNode, kind: string): boolean {
  const type = memberOf(node, 'type')
  return !type || readJsonString(bytes, type) === kind
}

/** Google's complaints spell fields in snake case. */
function childOf(node: JsonNode, key: string): JsonNode | undefined {
  if (node.kind !== 'object') return undefined
  return node.members.findLast((member) => member.key === key || snakeOf(member.key) === snakeOf(key))?.value
}

function generalise(path: string): string {
  return path
    .split(/[.[\]]+/)
    .filter((step) => step !== '')
    .map((step) => (/^\d+$/.test(step) ? '*' : step))
    .join('.')
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}

function snakeOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
