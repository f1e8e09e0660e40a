// What a client hears of an answer: text, calls, ending and counts, read from the objects that its dialect's SDK hands
// out, in that dialect's own words; and what it should have heard of an answer of the middle model.
import type { ChatResponse, FinishUnified, Usage } from '../../server/protocols/canonical.ts'
import { asObject, parseJson } from '../../server/protocols/read.ts'
import type { Dialect } from './cross-dialect.ts'
import type { Json } from './uniroute-client.ts'

export interface HeardCall {
  readonly name: string
  /** Arguments of a function, or the text of a freeform tool. */
  readonly args: unknown
}

export interface Heard {
  /** Refusals are heard too. */
  readonly text: string
  readonly calls: readonly HeardCall[]
  /** The dialect's own word. */
  readonly finish: string
  readonly usage: Readonly<Record<'input' | 'output' | 'cacheRead' | 'cacheWrite' | 'reasoning', number>>
}

const NO_USAGE = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 }

/** A whole answer as an object of the dialect's SDK; of Gemini's, the chunks of a stream, or one. */
export const HEAR: Readonly<Record<Dialect, (answer: Json) => Heard>> = {
  'openai-chat': hearChat,
  'openai-responses': hearResponse,
  'anthropic-messages': hearMessage,
  gemini: hearChunks,
}

function hearChat({ choices, usage }: Json): Heard {
  const { message, finish_reason: finish } = choices[0]
  return {
    text: (message.content ?? '') + (message.refusal ?? ''),
    calls: (message.tool_calls ?? []).map((call: Json) =>
      call.type === 'custom'
        ? { name: call.custom.name, args: call.custom.input }
        : { name: call.function.name, args: JSON.parse(call.function.arguments) },
    ),
    finish,
    usage: usage ? countChat(usage) : NO_USAGE,
  }
}

function countChat(usage: Json): Heard['usage'] {
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usage
  if (total !== input + output) throw new Error(`${total} tokens are not ${input} and ${output}`)
  return {
    input,
    output,
    cacheRead: usage.prompt_tokens_details?.cached_tokens ?? 0,
    cacheWrite: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  }
}

function hearResponse({ output, usage, status, incomplete_details: incomplete }: Json): Heard {
  const parts: Json[] = output.flatMap((item: Json) => (item.type === 'message' ? item.content : []))
  return {
    text: parts.map((part) => part.text ?? part.refusal).join(''),
    calls: output.flatMap(({ type, name, input: text, arguments: args }: Json) => {
      if (type === 'custom_tool_call') return [{ name, args: text }]
      return type === 'function_call' ? [{ name, args: JSON.parse(args) }] : []
    }),
    finish: incomplete ? `${status}: ${incomplete.reason}` : status,
    usage: usage ? countResponse(usage) : NO_USAGE,
  }
}

function countResponse(usage: Json): Heard['usage'] {
  const { input_tokens: input, output_tokens: output, total_tokens: total } = usage
  if (total !== input + output) throw new Error(`${total} tokens are not ${input} and ${output}`)
  return {
    input,
    output,
    cacheRead: usage.input_tokens_details.cached_tokens,
    cacheWrite: usage.input_tokens_details.cache_write_tokens ?? 0,
    reasoning: usage.output_tokens_details.reasoning_tokens,
  }
}

function hearMessage({ content, stop_reason: finish, usage }: Json): Heard {
  const cacheRead = usage.cache_read_input_tokens ?? 0
  const cacheWrite = usage.cache_creation_input_tokens ?? 0
  return {
    text: content.map((block: Json) => (block.type === 'text' ? block.text : '')).join(''),
    calls: content.flatMap(({ type, name, input }: Json) => (type === 'tool_use' ? [{ name, args: input }] : [])),
    finish,
    usage: {
      input: usage.input_tokens + cacheRead + cacheWrite,
      output: usage.output_tokens,
      cacheRead,
      cacheWrite,
      reasoning: usage.output_tokens_details?.thinking_tokens ?? 0,
    },
  }
}

function hearChunks(answer: Json): Heard {
  const chunks: Json[] = [answer].flat()
  const parts: Json[] = chunks.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
  const { candidates, usageMetadata: usage } = chunks.at(-1)
  return {
    text: parts.map(({ text, thought }) => (thought === true ? '' : (text ?? ''))).join(''),
    calls: parts.flatMap(({ functionCall: call }) => (call ? [{ name: call.name, args: call.args ?? {} }] : [])),
    finish: candidates[0].finishReason,
    usage: usage ? countChunks(usage) : NO_USAGE,
  }
}

function countChunks(usage: Json): Heard['usage'] {
  const thoughts = usage.thoughtsTokenCount ?? 0
  return {
    input: usage.promptTokenCount + (usage.toolUsePromptTokenCount ?? 0),
    output: (usage.candidatesTokenCount ?? 0) + thoughts,
    cacheRead: usage.cachedContentTokenCount ?? 0,
    cacheWrite: 0,
    reasoning: thoughts,
  }
}

// ---- What should be heard ------------------------------------------------------------------------------------------

const OPENAI_WORDS = { stop: 'stop', stop_sequence: 'stop', pause: 'stop', tool_calls: 'tool_calls' } as const
const GEMINI_WORDS = { stop: 'STOP', stop_sequence: 'STOP', pause: 'STOP', tool_calls: 'STOP' } as const
type Ending = Exclude<FinishUnified, 'malformed'>

/** The ending of an answer from another dialect in this one's words. */
const FINISH: Readonly<Record<Dialect, Readonly<Record<Ending, string>>>> = {
  'openai-chat': {
    ...OPENAI_WORDS,
    length: 'length',
    context_window: 'length',
    refusal: 'content_filter',
    content_filter: 'content_filter',
  },
  'openai-responses': {
    stop: 'completed',
    stop_sequence: 'completed',
    pause: 'completed',
    tool_calls: 'completed',
    refusal: 'completed',
    length: 'incomplete: max_output_tokens',
    context_window: 'incomplete: max_output_tokens',
    content_filter: 'incomplete: content_filter',
  },
  'anthropic-messages': {
    stop: 'end_turn',
    stop_sequence: 'end_turn', // no other dialect tells one
    pause: 'end_turn',
    tool_calls: 'tool_use',
    length: 'max_tokens',
    context_window: 'max_tokens',
    refusal: 'refusal',
    content_filter: 'refusal',
  },
  gemini: {
    ...GEMINI_WORDS,
    length: 'MAX_TOKENS',
    context_window: 'MAX_TOKENS',
    refusal: 'SAFETY',
    content_filter: 'SAFETY',
  },
}

/** Dialects that know functions only; a freeform tool is one with the field `input` there. */
const FUNCTIONS_ONLY: ReadonlySet<Dialect> = new Set(['anthropic-messages', 'gemini'])

/** A provider's sentence on why there is no answer is a refusal in dialects that have those. */
const REFUSING: ReadonlySet<Dialect> = new Set(['openai-chat', 'openai-responses'])

/** `ending`: what the recording's own word means. */
export function expectHeard({ items, usage, finish }: ChatResponse, ending: Ending, to: Dialect): Heard {
  const said = items.map((item) => (item.kind === 'text' || item.kind === 'refusal' ? item.text : ''))
  const hasRefusal = items.some(({ kind }) => kind === 'refusal')
  const explanation = REFUSING.has(to) && !hasRefusal ? (asObject(finish.details)?.['explanation'] ?? '') : ''
  return {
    text: said.join('') + String(explanation),
    calls: items.flatMap((item) => (item.kind === 'call' ? [{ name: nameOf(item), args: argsOf(item, to) }] : [])),
    finish: FINISH[to][ending],
    usage: {
      input: usage.input ?? 0,
      output: usage.output ?? 0,
      cacheRead: usage.cacheRead ?? 0,
      cacheWrite: to === 'gemini' ? 0 : (usage.cacheWrite ?? 0), // nothing is written to a cache there
      reasoning: usage.reasoning ?? 0,
    } satisfies Partial<Usage>,
  }
}

/** A namespace that nobody declared is one that the provider's own tool search made. */
export const nameOf = ({ name }: { readonly name: string }): string => name.split('__').at(-1)!

function argsOf({ argsText, style }: { argsText: string; style: 'json' | 'freeform' }, to: Dialect): unknown {
  if (style === 'freeform') return FUNCTIONS_ONLY.has(to) ? { input: argsText } : argsText
  if (argsText.trim() === '') return {}
  return asObject(parseJson(argsText)) ?? { input: argsText }
}
