// Encrypted reasoning in a request as it lies. An item of another account is of no use without its state, so the whole
// item goes; calls and texts stay. Compacted conversations are content and stay too.
import { itemsOf, memberOf, readJsonString, removeChildren, type JsonNode } from '../../kernel/json-tree.ts'
import type { StateSlots } from '../protocol.ts'

export const responsesState: StateSlots = {
  envelopeMark: 'urs1.',
  answerKeys: ['encrypted_content'],
  requestKeys: ['encrypted_content'],
  spell: (value) => value,
  list: (body, root) =>
    listsOf(root)
      .flatMap(itemsOf)
      .flatMap((item) => stateOf(body, item) ?? []),
  remove(body, root, { isForeign }) {
    const edits = listsOf(root).flatMap((list) => {
      const gone = itemsOf(list).filter((item) => {
        const value = stateOf(body, item)
        return value !== null && isForeign(value)
      })
      return removeChildren(list, new Set(gone))
    })
    return { edits, thinkingOff: false }
  },
}

/** A request has an input; a conversation that is stored has items. */
function listsOf(root: JsonNode): JsonNode[] {
  return ['input', 'items'].flatMap((name) => memberOf(root, name) ?? [])
}

function stateOf(body: Buffer, item: JsonNode): string | null {
  const type = memberOf(item, 'type')
  const value = memberOf(item, 'encrypted_content')
  if (!type || !value || readJsonString(body, type) !== 'reasoning') return null
  return readJsonString(body, value)
}
