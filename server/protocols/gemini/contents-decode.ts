// A conversation in `contents` as items. Calls without ids get some, and results find their calls by name and order.
// State of another dialect in a signature slot is put in front of what it hangs on, where that dialect has it.
import { FirstByKey } from '../../kernel/first-by-key.ts'
import type { CallItem, Item, Role, Signature } from '../canonical.ts'
import type { RequestDecoding } from '../codec.ts'
import { lossOfField, noSuchField } from '../losses.ts'
import { asObject, asText } from '../read.ts'
import { asList, field, GEMINI } from './fields.ts'
import { argsTextOf, readPart, type ReadPart } from './parts.ts'
import { readResult } from './results.ts'
import { readSlot } from './signature.ts'

export function readContents(value: unknown, decoding: RequestDecoding): Item[] {
  const items: Item[] = []
  const open = new FirstByKey<CallItem>() // calls that no result has answered yet
  let made = 0
  const contents = typeof value === 'string' ? [{ parts: [value] }] : asList(value)
  for (const [turn, content] of contents.entries()) {
    const object = typeof content === 'string' ? { parts: [content] } : asObject(content)
    if (!object) continue
    const parts = asList(field(object, 'parts')).flatMap((part) => readPart(part) ?? [])
    const role = roleOf(asText(object['role']), parts)
    for (const part of parts) {
      const { content: found, extra } = part
      const signature = readSlot(part.slot, decoding)
      const base = { turn, ...(extra ? { extra } : {}) }
      const isThought = found.kind === 'text' && found.thought
      const own = isThought ? signature : placeState(items, signature, turn)
      const signed = { ...base, ...(own ? { signature: own } : {}) }
      if (found.kind === 'call') {
        const id = found.id ?? `call_${turn}_${made++}`
        const argsText = argsTextOf(found.args, 'json')
        const call: CallItem = { ...signed, kind: 'call', id, name: found.name, argsText, style: 'json' }
        items.push(call)
        open.add(call, [`id ${call.id}`, `name ${call.name}`, 'any'])
      } else if (found.kind === 'result') {
        const callId = takeCall(open, found.id, found.name) ?? `call_${turn}_${made++}`
        const { parts: result, isError } = readResult(found.response, found.parts)
        const named = found.name === null ? {} : { name: found.name }
        items.push({ ...base, kind: 'result', callId, ...named, parts: result, isError, style: 'json' })
      } else items.push(...readOther(part, role, signed, decoding))
    }
  }
  return items
}

function roleOf(role: string | null, parts: readonly ReadPart[]): Role {
  if (role === 'model' || role === 'assistant') return 'assistant'
  if (role === 'system' || role === 'developer') return role
  if (role === null && parts.some(({ content }) => content.kind === 'call')) return 'assistant'
  return 'user'
}

function readOther(
  { content, extra }: ReadPart,
  role: Role,
  base: { turn: number; signature?: Signature },
  { losses }: RequestDecoding,
): Item[] {
  switch (content.kind) {
    case 'text':
      // A signature beside no text is a block of its own; text of nothing is nothing.
      if (content.thought || content.text === '') {
        if (content.text === '' && !base.signature) {
          for (const name of Object.keys(extra?.[GEMINI] ?? {})) {
            losses.drop(lossOfField(name, 'message_fields'), noSuchField(name))
          }
          return []
        }
        return [{ ...base, kind: 'reasoning', text: content.text }]
      }
      return [{ ...base, kind: 'text', role, text: content.text }]
    case 'media': {
      const { media, source, name } = content
      return [{ ...base, kind: 'media', role, media, source, ...(name === undefined ? {} : { name }) }]
    }
    case 'opaque':
      return [{ ...base, kind: 'opaque', protocol: GEMINI, role, raw: content.raw }]
    default:
      return []
  }
}

/**
 * Another dialect's state goes on the reasoning before it, or on an empty one put there; Gemini's own stays where it
 * stands and is given back.
 */
function placeState(items: Item[], signature: Signature | undefined, turn: number): Signature | undefined {
  if (!signature || signature.kind === 'thought') return signature
  const last = items.at(-1)
  if (last?.kind === 'reasoning' && last.turn === turn && !last.signature) {
    // A client hands thoughts back in the pieces they were streamed in; the state belongs to all of them.
    let text = ''
    for (let before: Item | undefined = last; before?.kind === 'reasoning'; before = items.at(-1)) {
      if (before.turn !== turn || before.signature) break
      text = before.text + text
      items.pop()
    }
    items.push({ ...last, text, signature })
  } else {
    const redacted = signature.kind === 'redacted' ? { redacted: true } : {}
    items.push({ turn, kind: 'reasoning', text: '', signature, ...redacted })
  }
  return undefined
}

/** The call a result belongs to: by its id, else the first open one of its name, else the first open one. */
function takeCall(open: FirstByKey<CallItem>, id: string | null, name: string | null): string | null {
  if (id !== null) {
    open.take(`id ${id}`)
    return id
  }
  const named = open.take(`name ${name ?? ''}`) ?? (name ? undefined : open.take('any'))
  return named?.id ?? null
}
