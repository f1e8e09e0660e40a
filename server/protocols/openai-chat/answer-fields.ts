// Fields of an answer that only this dialect has (logprobs, sound, filter results, further choices): collected from a
// whole answer or from the chunks of a stream, and written back to clients of this dialect.
import type { ChatResponse, Extras } from '../canonical.ts'
import { asObject, asText, type JsonObject } from '../read.ts'
import { asList, asNumber, asObjects, CHAT, isEmpty, restOf, fieldNames } from './names.ts'

const ANSWER = fieldNames(
  'id object created model choices choice message usage citations search_results obfuscation error',
  'x_groq',
)
const CHOICE = fieldNames('index message delta finish_reason stop_reason text native_finish_reason')
const MESSAGE = fieldNames(
  'role content refusal tool_calls function_call annotations images extra_content reasoning',
  'reasoning_content reasoning_details thought_signature',
)

export interface AnswerFields {
  /** Takes the fields of a whole answer or of one chunk; later values replace earlier ones, texts and lists go on. */
  add(body: JsonObject): void
  /** What came that the middle model has no place for. */
  extensions(): Extras
}

export function createAnswerFields(): AnswerFields {
  let top: Record<string, unknown> = {}
  let choice: Record<string, unknown> = {}
  let message: Record<string, unknown> = {}
  const others = new Map<number, OtherChoice>()
  return {
    add(body) {
      const rest = restOf(body, ANSWER)
      if (!isEmpty(rest)) top = { ...top, ...rest }
      for (const one of asObjects(body['choices'])) {
        const index = asNumber(one['index']) ?? 0
        const said = asObject(one['message']) ?? asObject(one['delta'])
        if (index > 0) {
          const other = others.get(index) ?? { index, message: {}, finish_reason: null }
          others.set(index, addChoice(other, one, said))
          continue
        }
        choice = join(choice, restOf(one, CHOICE), ['logprobs'])
        message = join(message, audible(restOf(said, MESSAGE)), ['audio'])
      }
    },
    extensions() {
      const fields: Record<string, unknown> = { ...top }
      if (!isEmpty(choice)) fields['choice'] = choice
      if (!isEmpty(message)) fields['message'] = message
      if (others.size > 0) fields['choices'] = [...others.values()]
      return isEmpty(fields) ? {} : { [CHAT]: fields }
    },
  }
}

// A server that fills in every field sends sound that is none.
function audible(fields: Record<string, unknown>): Record<string, unknown> {
  const audio = asObject(fields['audio'])
  if (audio && Object.values(audio).every((value) => value === '' || value === 0)) delete fields['audio']
  return fields
}

interface OtherChoice {
  readonly index: number
  readonly message: Record<string, unknown>
  readonly finish_reason: unknown
}

function addChoice(other: OtherChoice, choice: JsonObject, said: JsonObject | null): OtherChoice {
  const before = other.message
  const content = asText(said?.['content'])
  const message = { ...before, ...restOf(said, new Set()) }
  if (content !== null) message['content'] = (asText(before['content']) ?? '') + content
  return { ...other, message, finish_reason: choice['finish_reason'] ?? other.finish_reason }
}

/** Later fields over earlier ones; in those of `growing`, texts and lists are put behind each other. */
function join(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  growing: readonly string[],
): Record<string, unknown> {
  if (isEmpty(after)) return before
  const joined = { ...before, ...after }
  for (const name of growing) {
    const old = asObject(before[name])
    const more = asObject(after[name])
    if (!old || !more) continue
    const whole: Record<string, unknown> = { ...old, ...more }
    for (const [key, value] of Object.entries(more)) {
      if (Array.isArray(value)) whole[key] = [...asList(old[key]), ...(value as unknown[])]
      else if (typeof value === 'string' && key !== 'id') whole[key] = (asText(old[key]) ?? '') + value
      else if (value === null) whole[key] = old[key] ?? null
    }
    joined[name] = whole
  }
  return joined
}

export interface OwnFields {
  readonly top: JsonObject
  readonly choice: JsonObject
  readonly message: JsonObject
  readonly choices: readonly JsonObject[]
}

export function ownFields(extensions: ChatResponse['extensions']): OwnFields {
  const { choice, message, choices, ...top } = extensions[CHAT] ?? {}
  return { top, choice: asObject(choice) ?? {}, message: asObject(message) ?? {}, choices: asObjects(choices) }
}
