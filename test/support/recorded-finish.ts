// Why a recorded answer ended, in the recording's own word, and what that word is to the others. Read from the raw
// fields and a table written by hand: a decoder that takes one word for another cannot make its own test pass.
import type { FinishUnified } from '../../server/protocols/canonical.ts'
import type { Dialect } from './cross-dialect.ts'
import { streamOf } from './recorded-answers.ts'
import type { Recording } from './recordings.ts'
import type { Json } from './uniroute-client.ts'

type Ending = Exclude<FinishUnified, 'malformed'>

const MEANINGS: Readonly<Record<Dialect, Readonly<Record<string, Ending>>>> = {
  'openai-chat': {
    stop: 'stop',
    length: 'length',
    tool_calls: 'tool_calls',
    function_call: 'tool_calls',
    content_filter: 'content_filter',
    // A server that ends without any.
    '': 'stop',
  },
  'openai-responses': {
    completed: 'stop',
    // Not of the dialect's own words: a plain end, and a warning.
    complete: 'stop',
    'incomplete: max_output_tokens': 'length',
    'incomplete: content_filter': 'content_filter',
  },
  'anthropic-messages': {
    end_turn: 'stop',
    stop_sequence: 'stop_sequence',
    max_tokens: 'length',
    tool_use: 'tool_calls',
    pause_turn: 'pause',
    refusal: 'refusal',
    model_context_window_exceeded: 'context_window',
  },
  gemini: {
    STOP: 'stop',
    '1': 'stop',
    MAX_TOKENS: 'length',
    '2': 'length',
    SAFETY: 'content_filter',
    RECITATION: 'content_filter',
    PROHIBITED_CONTENT: 'content_filter',
    blocked: 'content_filter',
  },
}

interface RawEnd {
  readonly word: string
  readonly calls: boolean
  readonly refusal: boolean
}

/** What the recorded word is in the middle model's terms; throws at one that the table does not have. */
export function meaningOf(recording: Recording, from: Dialect): Ending {
  const { word, calls, refusal } = READ[from](bodiesOf(recording))
  const meaning = MEANINGS[from][word]
  if (meaning === undefined) throw new Error(`${recording.id} ends with "${word}", which no table has`)
  if (meaning === 'stop' && refusal) return 'refusal'
  if (meaning === 'tool_calls' && !calls) return 'stop'
  return meaning === 'stop' && calls ? 'tool_calls' : meaning
}

/** The whole answer, or what each event of a stream holds. */
function bodiesOf(recording: Recording): Json[] {
  const stream = streamOf(recording)
  if (stream === null) return [JSON.parse(recording.answer) as Json]
  return stream.split(/\r\n|\r|\n/).flatMap((line) => {
    const data = line.startsWith('data:') ? line.slice(5).trim() : ''
    return data.startsWith('{') ? [JSON.parse(data) as Json] : []
  })
}

const READ: Readonly<Record<Dialect, (bodies: readonly Json[]) => RawEnd>> = {
  'openai-chat': (bodies) => {
    const choices: Json[] = bodies.flatMap((body) => (body.choices ?? []).filter(({ index }: Json) => !index))
    const said: Json[] = choices.map(({ message, delta }) => message ?? delta ?? {})
    return {
      word: choices.findLast(({ finish_reason }) => finish_reason)?.finish_reason ?? '',
      calls: said.some((one) => one.tool_calls?.length > 0 || one.function_call?.name),
      refusal: said.some(({ refusal }) => refusal),
    }
  },
  'openai-responses': (bodies) => {
    const last = bodies.findLast(({ response, output }) => response ?? output)!
    const { status, incomplete_details: incomplete, output } = (last.response ?? last) as Json
    const items: Json[] = [...output, ...bodies.flatMap(({ item }) => (item ? [item] : []))]
    return {
      word: incomplete ? `${status}: ${incomplete.reason}` : status,
      calls: items.some(({ type }) => type === 'function_call' || type === 'custom_tool_call'),
      refusal: items.some(({ content }) => content?.some?.(({ type }: Json) => type === 'refusal')),
    }
  },
  'anthropic-messages': (bodies) => ({
    word: bodies.map(({ delta, stop_reason }) => stop_reason ?? delta?.stop_reason).findLast(Boolean) ?? '',
    calls: bodies.some(({ content, content_block: block }) =>
      [block, ...(content ?? [])].some((one) => one?.type === 'tool_use'),
    ),
    refusal: false,
  }),
  gemini: (bodies) => {
    const candidates: Json[] = bodies.flatMap((body) => (body.candidates ?? []).slice(0, 1))
    const blocked = bodies.some(({ promptFeedback }) => promptFeedback?.blockReason)
    const reason = candidates.findLast(({ finishReason }) => finishReason)?.finishReason
    return {
      word: reason === undefined && blocked ? 'blocked' : String(reason),
      calls: candidates.some(({ content }) => content?.parts?.some(({ functionCall }: Json) => functionCall)),
      refusal: false,
    }
  },
}
