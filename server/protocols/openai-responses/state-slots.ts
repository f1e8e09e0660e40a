// Encrypted reasoning in a request as it lies. An item of another account is of no use without its state, so the whole
// item goes; calls and texts stay. Compacted conversations are content and stay too, unless a sealed envelope stands
// for one, which nobody can read.
import { itemsOf, memberOf, readJsonString, removeChildren, type JsonNode } from '../../kernel/json-tree.ts'
import type { StateSlots } from '../protocol.ts'
import { isSealed } from '../sealed-state.ts'

export const responsesState: StateSlots = {
  answerKeys: ['encrypted_content'],
  threads: { id: /^(?:resp|conv)_/, requestKeys: ['previous_response_id', 'conversation'] },
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
        return value === null ? isSealed(sealedOf(body, item)) : isForeign(value)
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

function sealedOf(body: Buffer, item: JsonNode): string {
  const value = memberOf(item, 'encrypted_content')
  return (value && readJsonString(body, value)) ?? ''
}

function stateOf(body: Buffer, item: JsonNode): string | null {
  const type = memberOf(item, 'type')
  const value = memberOf(item, 'encrypted_content')
  if (!type || !value || readJsonString(body, type) !== 'reasoning') return null
  return readJsonString(body, value)
}
