// Sealed envelopes in a request as it lies: entries of `reasoning_details`, and Google's slot on calls and messages. What
// other servers put there natively is theirs to judge.
import { itemsOf, memberOf, readJsonString, removeChildren, type Edit, type JsonNode } from '../../kernel/json-tree.ts'
import type { StateSlots } from '../protocol.ts'

export const chatState: StateSlots = {
  envelopeMark: 'urs1.',
  answerKeys: [],
  requestKeys: [],
  spell: (value) => value,
  list: (body, root) =>
    itemsOf(memberOf(root, 'messages')).flatMap((message) =>
      [
        ...itemsOf(memberOf(message, 'reasoning_details')).map((detail) => memberOf(detail, 'data')),
        ...holdersOf(message).map(thoughtOf),
      ].flatMap((node) => (node && readJsonString(body, node)) ?? []),
    ),
  remove(body, root, { isForeign }) {
    const isGone = (node: JsonNode | undefined): boolean => {
      const value = node && readJsonString(body, node)
      return typeof value === 'string' && isForeign(value)
    }
    const edits: Edit[] = []
    for (const message of itemsOf(memberOf(root, 'messages'))) {
      // What goes from one object goes at once, so that its commas come out right.
      const goneHere = new Set<JsonNode>()
      takeDetails(message, isGone, goneHere, edits)
      for (const holder of holdersOf(message)) {
        const gone = holder === message ? goneHere : new Set<JsonNode>()
        if (isGone(thoughtOf(holder))) takeThought(holder, gone, edits)
        if (holder !== message) edits.push(...removeChildren(holder, gone))
      }
      edits.push(...removeChildren(message, goneHere))
    }
    return { edits, thinkingOff: false }
  },
}

type IsGone = (node: JsonNode | undefined) => boolean

/** Entries of ours have a length; the list goes with the last that is not. */
function takeDetails(message: JsonNode, isGone: IsGone, goneHere: Set<JsonNode>, edits: Edit[]): void {
  const details = memberOf(message, 'reasoning_details')
  const entries = itemsOf(details)
  if (!details || !entries.some((entry) => isGone(memberOf(entry, 'data')))) return
  const gone = entries.filter((entry) => isGone(memberOf(entry, 'data')) || memberOf(entry, 'length'))
  if (gone.length === entries.length) goneHere.add(details)
  else edits.push(...removeChildren(details, new Set(gone)))
}

function holdersOf(message: JsonNode): JsonNode[] {
  return [message, ...itemsOf(memberOf(message, 'tool_calls'))]
}

function thoughtOf(holder: JsonNode): JsonNode | undefined {
  return memberOf(memberOf(memberOf(holder, 'extra_content'), 'google'), 'thought_signature')
}

/** The slot, and what stands around it for its sake alone. */
function takeThought(holder: JsonNode, goneHere: Set<JsonNode>, edits: Edit[]): void {
  const extra = memberOf(holder, 'extra_content')!
  const google = memberOf(extra, 'google')!
  const thought = memberOf(google, 'thought_signature')!
  if (sizeOf(google) > 1) edits.push(...removeChildren(google, new Set([thought])))
  else if (sizeOf(extra) > 1) edits.push(...removeChildren(extra, new Set([google])))
  else goneHere.add(extra)
}

function sizeOf(node: JsonNode): number {
  return node.kind === 'object' ? node.members.length : 0
}
