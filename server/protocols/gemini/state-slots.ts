// Thought signatures in a request as it lies: the signature goes, the call or text that it stands on stays. A first
// call without one gets the stand-in that the API takes; a part that held nothing else goes.
import {
  itemsOf,
  memberOf,
  readJsonString,
  removeChildren,
  type Edit,
  type JsonMember,
  type JsonNode,
} from '../../kernel/json-tree.ts'
import type { StateSlots } from '../protocol.ts'
import { NO_SIGNATURE, standardBase64 } from './signature.ts'

const SPELLINGS = ['thoughtSignature', 'thought_signature']
const WHOLE_REQUESTS = ['generateContentRequest', 'generate_content_request']
const CALLS = ['functionCall', 'function_call']

export const geminiState: StateSlots = {
  answerKeys: ['thoughtSignature'],
  requestKeys: SPELLINGS,
  spell: standardBase64,
  list: (body, root) =>
    contentsOf(root)
      .flatMap(partsOf)
      .flatMap((part) => stateOf(body, part)?.value ?? []),
  remove(body, root, { isForeign, needsStandIn }) {
    const edits: Edit[] = []
    const goneContents = new Set<JsonNode>()
    for (const content of contentsOf(root)) {
      const parts = partsOf(content)
      const goneParts = new Set<JsonNode>()
      for (const part of parts) {
        const state = stateOf(body, part)
        if (state === null || !isForeign(state.value)) continue
        const { value: slot } = state.member
        if (isBare(body, part)) goneParts.add(part)
        else if (needsStandIn && CALLS.some((name) => memberOf(part, name))) {
          edits.push({ start: slot.start, end: slot.end, text: JSON.stringify(NO_SIGNATURE) })
        } else edits.push(...removeChildren(part, new Set([slot])))
      }
      if (goneParts.size === 0) continue
      const list = memberOf(content, 'parts')
      if (list?.kind === 'array' && goneParts.size < parts.length) edits.push(...removeChildren(list, goneParts))
      else goneContents.add(content)
    }
    for (const contents of holdersOf(root)) {
      if (contents.kind !== 'array') continue
      edits.push(...removeChildren(contents, new Set(contents.items.filter((content) => goneContents.has(content)))))
    }
    return { edits, thinkingOff: false }
  },
}

// Lists may be a single object.
function listed(node: JsonNode | undefined): readonly JsonNode[] {
  return node?.kind === 'object' ? [node] : itemsOf(node)
}

/** Tokens may be counted of a whole request inside the body. */
const holdersOf = (root: JsonNode): readonly JsonNode[] =>
  [root, ...WHOLE_REQUESTS.flatMap((name) => memberOf(root, name) ?? [])].flatMap(
    (request) => memberOf(request, 'contents') ?? [],
  )
const contentsOf = (root: JsonNode): readonly JsonNode[] => holdersOf(root).flatMap(listed)
const partsOf = (content: JsonNode): readonly JsonNode[] => listed(memberOf(content, 'parts'))

function stateOf(body: Buffer, part: JsonNode): { value: string; member: JsonMember } | null {
  if (part.kind !== 'object') return null
  const member = part.members.find(({ key }) => SPELLINGS.includes(key))
  const value = member ? readJsonString(body, member.value) : null
  return member && value !== null ? { value, member } : null
}

/** Nothing is said in it beside the state. */
function isBare(body: Buffer, part: JsonNode): boolean {
  if (part.kind !== 'object') return false
  return part.members.every(
    ({ key, value }) =>
      SPELLINGS.includes(key) || key === 'thought' || (key === 'text' && readJsonString(body, value) === ''),
  )
}
