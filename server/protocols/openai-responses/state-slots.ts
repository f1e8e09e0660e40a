// Encrypted reasoning in a request as it lies. An item of another account is of no use without its state, so the whole
// item goes; calls and texts stay. Compacted conversations are content and stay too.
import { itemsOf, memberOf, readJsonString, removeChildren, type JsonNode } from '../../kernel/json-tree.ts'
import type { StateSlots } from '../protocol.ts'

export const responsesState: StateSlots = {
  envelopeMark: 'urs1.',
  answerKeys: ['encrypted_content'],
  requestKeys: ['encrypted_content'],
  spell: (value) => value,
  list: (body, root) => itemsOf(memberOf(root, 'input')).flatMap((item) => stateOf(body, item) ?? []),
  remove(body, root, { isForeign }) {
    const input = memberOf(root, 'input')
    if (!input) return { edits: [], thinkingOff: false }
    const gone = itemsOf(input).filter((item) => {
      const value = stateOf(body, item)
      return value !== null && isForeign(value)
    })
    return { edits: removeChildren(input, new Set(gone)), thinkingOff: false }
  },
}

function stateOf(body: Buffer, item: JsonNode): string | null {
  const type = memberOf(item, 'type')
  const value = memberOf(item, 'encrypted_content')
  if (!type || !value || readJsonString(body, type) !== 'reasoning') return null
  return readJsonString(body, value)
}
