// Is every call of an answer whole? Arguments of which only a part came must not reach a client as a good call: SDKs of
// two dialects make an object of the half they have, and tools would run with it. Where the answer was cut short and
// says so, half a call is what there is. A provider that says it ended well said all it wanted: where arguments are
// text, the client reads for itself that they are no JSON; where they are objects, nothing honest is left to say.
// Invariant: a call that is not whole is never ended before it is known how the answer ends.
import type { CallItem, ChatResponse, Finish, FinishUnified, StreamEvent } from './canonical.ts'
import { asObject, parseJson } from './read.ts'

const CUT_SHORT: ReadonlySet<FinishUnified> = new Set(['length', 'context_window', 'content_filter', 'refusal'])

/** `asObjects`: the client's dialect holds arguments as objects. */
interface Client {
  readonly argumentsAreObjects?: true
}

export interface CallGuard {
  /** The event, and those that waited for it; a `finish` that cannot stand comes as malformed. */
  push(event: StreamEvent): StreamEvent[]
  /** Something waits for the end of the answer. */
  isHolding(): boolean
}

export function createCallGuard(client: Client): CallGuard {
  let call: { text: string } | null = null
  /** From the end of the first call that is not whole. */
  let held: StreamEvent[] | null = null

  function isHeldBack(event: StreamEvent): boolean {
    if (event.type === 'part-start') {
      call = event.part.kind === 'call' && event.part.style === 'json' ? { text: '' } : null
    } else if (event.type === 'part-delta' && call && event.delta.kind === 'args') call.text += event.delta.text
    else if (event.type === 'part-end' && call && !isJson(call.text)) held ??= []
    return held !== null && event.type.startsWith('part-')
  }

  return {
    push(event) {
      if (isHeldBack(event)) {
        held!.push(event)
        return []
      }
      if (event.type !== 'finish' || held === null) return [event]
      const waiting = held
      held = null
      return mayStand(event.finish, client)
        ? [...waiting, event]
        : [{ ...event, finish: { ...event.finish, unified: 'malformed' } }]
    },
    isHolding: () => held !== null,
  }
}

/** The same for a whole answer. */
export function guardCalls(answer: ChatResponse, client: Client): ChatResponse {
  const isWhole = answer.items.every((item) => item.kind !== 'call' || isWholeCall(item))
  if (isWhole || mayStand(answer.finish, client)) return answer
  return { ...answer, finish: { ...answer.finish, unified: 'malformed' } }
}

/** Could the arguments have been cut? Those of freeform tools do not show it. */
export function isCertainlyWhole(argsText: string): boolean {
  return asObject(parseJson(argsText)) !== null
}

function isWholeCall({ style, argsText }: CallItem): boolean {
  return style !== 'json' || isJson(argsText)
}

// No arguments are an empty object.
function isJson(text: string): boolean {
  return text.trim() === '' || parseJson(text) !== undefined
}

function mayStand({ unified, raw }: Finish, { argumentsAreObjects }: Client): boolean {
  return CUT_SHORT.has(unified) || (raw !== '' && argumentsAreObjects !== true)
}
