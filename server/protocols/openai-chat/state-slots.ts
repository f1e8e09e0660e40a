// Sealed envelopes in a request as it lies: wherever in a message they stand, since clients and libraries put state
// into slots of their own (`thinking_blocks`, thinking parts, signatures of details). What other servers put there
// natively is theirs to judge, and what was said (texts, arguments, names) is never looked into.
import { itemsOf, memberOf, readJsonString, removeChildren, type Edit, type JsonNode } from '../../kernel/json-tree.ts'
import type { StateSlots } from '../protocol.ts'

export const chatState: StateSlots = {
  answerKeys: [],
  requestKeys: [],
  spell: (value) => value,
  list: (body, root) =>
    itemsOf(memberOf(root, 'messages')).flatMap((message) =>
      [
        ...itemsOf(memberOf(message, 'reasoning_details')).map((detail) => memberOf(detail, 'data')),
        ...[message, ...itemsOf(memberOf(message, 'tool_calls'))].map(thoughtOf),
      ].flatMap((node) => (node && readJsonString(body, node)) ?? []),
    ),
  remove(body, root, { isForeign }) {
    const messages = memberOf(root, 'messages')
    if (!messages) return { edits: [], thinkingOff: false }
    const edits: Edit[] = []
    const gone = new Set<JsonNode>()
    for (const message of itemsOf(messages)) {
      const pruned = prune(body, message, isForeign)
      if (pruned === 'gone' || isSilent(message, pruned.gone)) gone.add(message)
      else edits.push(...pruned.edits)
    }
    return { edits: [...edits, ...removeChildren(messages, gone)], thinkingOff: false }
  },
}

/** What users and models said; a text that is an envelope is no slot. */
const SAID: ReadonlySet<string> = new Set(['role', 'type', 'name', 'id', 'text', 'arguments', 'input', 'refusal'])
/** Kinds of entries that are worth nothing without their state. */
const THOUGHT = /thinking|reasoning|thought/
/** A message says something by one of these. */
const SAYS: ReadonlySet<string> = new Set(['content', 'tool_calls', 'function_call', 'refusal', 'audio'])

interface Pruned {
  readonly edits: readonly Edit[]
  /** Children that go. */
  readonly gone: ReadonlySet<JsonNode>
}

const NOTHING: Pruned = { edits: [], gone: new Set() }

/** Takes state out below `node`; 'gone' where the node stands for its sake alone. */
function prune(body: Buffer, node: JsonNode, isForeign: (value: string) => boolean): Pruned | 'gone' {
  if (node.kind === 'string') {
    const value = readJsonString(body, node)
    return value !== null && isForeign(value) ? 'gone' : NOTHING
  }
  const children = node.kind === 'object' ? node.members.filter(isSlot).map(({ value }) => value) : itemsOf(node)
  const inner: (readonly [child: JsonNode, edits: readonly Edit[]])[] = []
  const gone = new Set<JsonNode>()
  for (const child of children) {
    const pruned = prune(body, child, isForeign)
    if (pruned === 'gone') gone.add(child)
    else if (pruned.edits.length > 0) inner.push([child, pruned.edits])
  }
  if (gone.size === 0) return inner.length === 0 ? NOTHING : { edits: inner.flatMap(([, edits]) => edits), gone }
  // Entries of ours have a length, and stand for nothing where their neighbours are gone.
  for (const item of itemsOf(node)) if (memberOf(item, 'length')) gone.add(item)
  const size = node.kind === 'object' ? node.members.length : itemsOf(node).length
  if (gone.size === size || isThought(body, node)) return 'gone'
  const kept = inner.flatMap(([child, edits]) => (gone.has(child) ? [] : edits))
  return { edits: [...kept, ...removeChildren(node, gone)], gone }
}

function isSlot({ key, value }: { key: string; value: JsonNode }): boolean {
  return !SAID.has(key) && !(key === 'content' && value.kind === 'string')
}

function isThought(body: Buffer, node: JsonNode): boolean {
  const type = memberOf(node, 'type')
  return type !== undefined && THOUGHT.test(readJsonString(body, type) ?? '')
}

/** All that it said was state. */
function isSilent(message: JsonNode, gone: ReadonlySet<JsonNode>): boolean {
  if (message.kind !== 'object' || gone.size === 0) return false
  const said = message.members.filter(({ key }) => SAYS.has(key))
  return said.length > 0 && said.every(({ value }) => gone.has(value) || value.kind === 'scalar')
}

function thoughtOf(holder: JsonNode): JsonNode | undefined {
  return memberOf(memberOf(memberOf(holder, 'extra_content'), 'google'), 'thought_signature')
}
