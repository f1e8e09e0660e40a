// Thinking blocks in a request as it lies: found by their place, taken out as byte ranges. A message that said nothing
// else goes with them. Where the last tool turn loses its thinking, manual thinking is switched off: the vendor refuses
// such a turn otherwise.
import { itemsOf, memberOf, readJsonString, removeChildren, type Edit, type JsonNode } from '../../kernel/json-tree.ts'
import type { StateSlots } from '../protocol.ts'

export const messagesState: StateSlots = {
  answerKeys: ['signature', 'data'],
  requestKeys: ['signature'],
  // Its state stands under `data`, as pictures do.
  rareMark: '"redacted_thinking"',
  spell: (value) => value,
  list: (body, root) =>
    itemsOf(memberOf(root, 'messages'))
      .flatMap((message) => itemsOf(memberOf(message, 'content')))
      .flatMap((block) => stateOf(body, block) ?? []),
  remove(body, root, { isForeign }) {
    const messages = memberOf(root, 'messages')
    const edits: Edit[] = []
    const goneMessages = new Set<JsonNode>()
    const bare = new Set<JsonNode>()
    for (const message of itemsOf(messages)) {
      const content = memberOf(message, 'content')
      const blocks = itemsOf(content)
      const gone = new Set(
        blocks.filter((block) => {
          const value = stateOf(body, block)
          return value !== null && isForeign(value)
        }),
      )
      if (!content || gone.size === 0) continue
      if (gone.size === blocks.length) goneMessages.add(message)
      else edits.push(...removeChildren(content, gone))
      const first = blocks.find((block) => !gone.has(block))
      if (!first || stateOf(body, first) === null) bare.add(message)
    }
    if (messages) edits.push(...removeChildren(messages, goneMessages))
    const thinking = memberOf(root, 'thinking')
    const isManual = thinking !== undefined && textOf(body, memberOf(thinking, 'type')) === 'enabled'
    const thinkingOff = isManual && bare.has(lastToolTurn(body, itemsOf(messages))!)
    if (thinkingOff) edits.push({ start: thinking.start, end: thinking.end, text: '{"type":"disabled"}' })
    return { edits, thinkingOff }
  },
}

/** The state of a block; null for one that has none. */
function stateOf(body: Buffer, block: JsonNode): string | null {
  switch (textOf(body, memberOf(block, 'type'))) {
    case 'thinking':
      return textOf(body, memberOf(block, 'signature')) ?? ''
    case 'redacted_thinking':
      return textOf(body, memberOf(block, 'data')) ?? ''
    default:
      return null
  }
}

/** The assistant's message whose calls the end of the conversation answers. */
function lastToolTurn(body: Buffer, messages: readonly JsonNode[]): JsonNode | undefined {
  const roleOf = (message: JsonNode): string | null => textOf(body, memberOf(message, 'role'))
  const at = messages.findLastIndex((message) => roleOf(message) !== 'system')
  const answers = itemsOf(memberOf(messages[at], 'content')).some(
    (block) => textOf(body, memberOf(block, 'type')) === 'tool_result',
  )
  const before = messages.slice(0, Math.max(at, 0)).findLast((message) => roleOf(message) !== 'system')
  return answers && before && roleOf(before) === 'assistant' ? before : undefined
}

function textOf(body: Buffer, node: JsonNode | undefined): string | null {
  return node ? readJsonString(body, node) : null
}
