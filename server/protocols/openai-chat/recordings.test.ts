// Recorded traffic of this dialect through the codec: requests come out meaning the same, answers and streams say what
// a plain reading of them says. The recordings are no part of this project; UNIROUTE_RECORDINGS names their folder.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ChatResponse } from '../canonical.ts'
import { collectEvents, createCollector, eventsOf } from '../collect.ts'
import type { ModelProfile } from '../profile.ts'
import {
  codec,
  decode,
  decodeStream,
  decodingOf,
  encode,
  encodeStream,
  eventsOfStream,
  profileWith,
  responseEncodingOf,
  type Json,
} from './testing.ts'
import { readChatUsage } from './usage.ts'

interface Recording {
  readonly id: string
  readonly status: number
  readonly request_body: Json | null
  readonly response_body?: Json
  readonly response_stream?: string
}

const folder = process.env['UNIROUTE_RECORDINGS'] ?? ''
const file = join(folder, 'openai-chat.ndjson')
const isThere = folder !== '' && existsSync(file)
if (!isThere) console.warn('recorded Chat traffic was not read: UNIROUTE_RECORDINGS does not name its folder')
const recordings: Recording[] = isThere
  ? readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : []

// ---- Meaning: what is left of a request when its spellings are evened out ------------------------------------------

/** The server as the request takes it to be. */
function profileOf(body: Json): ModelProfile {
  const asks = body['reasoning'] ? 'reasoning' : body['thinking']?.type ? 'thinking' : 'reasoning_effort'
  return profileWith(
    {
      maxTokensField: 'max_tokens' in body ? 'max_tokens' : 'max_completion_tokens',
      reasoningIn: asks,
    },
    { efforts: [] },
  )
}

const bare = (object: Json): Json =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined))

function evenParts(content: unknown): Json[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  return ((content as Json[] | null) ?? []).map((part) => {
    if (part['type'] === 'image_url') return { type: 'image_url', image_url: bare(part['image_url']) }
    // Exception: a document by address is a file by address.
    if (part['type'] === 'document_url') return { type: 'file', file: { file_data: part['document_url'] } }
    return part
  })
}

/** Thoughts wherever they stand, in one text; what is sealed apart. */
function evenThoughts(message: Json, parts: Json[]): Json {
  const details: Json[] = message['reasoning_details'] ?? []
  const told = details.map(({ text, summary }) => text ?? summary ?? '').join('\n\n')
  const inContent = parts
    .flatMap((part) => (part['type'] === 'thinking' ? part['thinking'] : []))
    .map(({ text }) => text)
    .join('')
  const thoughts = told.trim() || message['reasoning_content'] || message['reasoning'] || inContent || ''
  // Exception: entries are numbered anew.
  const sealed = details
    .filter(({ data, signature }) => data || signature)
    .map(({ data, signature, id, format }) => bare({ data, signature, id, format }))
  return bare({ thoughts: thoughts.trim() || undefined, sealed: sealed.length > 0 ? sealed : undefined })
}

function evenCalls(message: Json): Json[] | undefined {
  // Exception: the older `function_call` is a call; its id is made up.
  if (message['function_call']) return [{ ...message['function_call'], id: 'made up' }]
  // Exception: no calls are no calls.
  if (!message['tool_calls']?.length) return undefined
  return message['tool_calls'].map((call: Json) => {
    const { id, custom, cache_control, extra_content } = call
    const { name, arguments: args } = call['function'] ?? {}
    return bare({ id, custom, name, arguments: args, cache_control, extra_content })
  })
}

const FIELDS_APART = new Set(
  'role content tool_calls function_call reasoning reasoning_content reasoning_details cache_control'.split(' '),
)

function evenMessage(message: Json): Json {
  const role = message['role']
  const all = evenParts(message['content'])
  const parts = all.filter(({ type }) => type !== 'thinking')
  const calls = evenCalls(message)
  // Exception: a mark on a message is one on its last part.
  const mark = message['cache_control']
  const last = parts.at(-1)
  if (mark && last) parts[parts.length - 1] = { ...last, cache_control: mark }
  const rest = Object.fromEntries(Object.entries(message).filter(([name]) => !FIELDS_APART.has(name)))
  // Exception: what a client's library adds to a call says nothing.
  const { parsed: _, annotations: __, audio: ___, index: ____, ...fields } = bare(rest)
  return bare({ role, parts, calls, ...evenThoughts(message, all), ...fields })
}

function evenMessages(messages: Json[]): Json[] {
  const out: Json[] = []
  for (const message of messages.map(evenMessage)) {
    const before = out.at(-1)
    // Exception: leading system messages of one role are one.
    const joined = message['role'] === 'system' && before?.['role'] === 'system' && out.length === 1
    if (joined) before['parts'].push(...message['parts'])
    else out.push(message)
  }
  // Exception: messages that say nothing are left out.
  return out.filter(({ role, parts, calls, thoughts }) => role === 'tool' || parts.length > 0 || calls || thoughts)
}

function evenTools(body: Json): unknown {
  // Exception: the older `functions` are tools.
  const tools = body['tools'] ?? body['functions']?.map((inner: Json) => ({ type: 'function', function: inner }))
  // Exception: a tool without a type is a function.
  return tools?.map((tool: Json) => ({
    type: 'function',
    ...tool,
    ...(tool['function'] ? { function: bare({ ...tool['function'], description: tool['function'].description }) } : {}),
  }))
}

function evenChoice(body: Json, tools: unknown): unknown {
  const choice = body['tool_choice'] ?? body['function_call']
  // Exception: without tools there is nothing to choose. Mistral's `any` is `required`.
  if (!tools) return undefined
  return choice === 'any' ? 'required' : choice
}

const DEFAULTS: Json = { store: false, logprobs: false, enforced: undefined }

function meaningOf(body: Json): Json {
  const {
    messages,
    tools: _,
    functions,
    tool_choice: __,
    function_call: ___,
    model: ____,
    stream: _____,
    ...more
  } = bare(body)
  const { stream_options, response_format, stop, reasoning, thinking, parallel_tool_calls, ...rest } = more
  const tools = evenTools(body)
  const options = Object.fromEntries(Object.entries(stream_options ?? {}).filter(([name]) => name !== 'include_usage'))
  const schema = response_format?.json_schema
  const said: Json = {
    ...rest,
    messages: evenMessages(messages),
    tools: tools && (tools as unknown[]).length > 0 ? tools : undefined,
    choice: evenChoice(body, tools),
    // Exception: text is what is answered in anyhow.
    format:
      response_format?.type === 'text'
        ? undefined
        : response_format && { ...response_format, json_schema: schema && bare(schema) },
    stop: typeof stop === 'string' ? [stop] : stop?.length === 0 ? undefined : stop,
    options: Object.keys(options).length > 0 ? options : undefined,
    reasoning,
    thinking,
    // Exception: the older form knows one call per answer, and says so where there is a field for it.
    parallel: functions ? false : parallel_tool_calls,
  }
  for (const [name, value] of Object.entries(DEFAULTS)) if (said[name] === value) delete said[name]
  return JSON.parse(JSON.stringify(said))
}

/** The one request that says its wish in two fields at once; the server reads either. */
const BOTH_WISHES = (body: Json): boolean =>
  body['thinking']?.type !== undefined && body['reasoning_effort'] !== undefined

/** Exception: the request that answers one of two calls; the other is given an error as its result. */
const UNANSWERED = 'openai-chat-6d791df3a174'
const STAND_IN = {
  role: 'tool',
  tool_call_id: 'call_vialglfv',
  content: 'Error: no result was given for this call',
}

describe.skipIf(!isThere)('recorded requests', () => {
  const asked = recordings.filter(({ request_body }) => Array.isArray(request_body?.['messages']))

  test('come out of the codec meaning the same', () => {
    let same = 0
    for (const { id, request_body } of asked) {
      const body = structuredClone(request_body!)
      if (BOTH_WISHES(body)) delete body['reasoning_effort']
      if (id === UNANSWERED) expect(body['messages'].at(-1)['tool_call_id']).toBe('call_nwftoaxi')
      const { body: out, losses } = encode(decode(body), { profile: profileOf(body), stream: body['stream'] === true })
      if (id === UNANSWERED) body['messages'].push(STAND_IN)
      const [before, after] = [meaningOf(body), meaningOf(out)].map((meaning) => {
        // Exceptions: made-up ids of older calls.
        const text = JSON.stringify(meaning)
        return body['functions'] ? text.replaceAll(/"id":"[^"]*"/g, '"id":""') : text
      })
      expect(JSON.parse(after!), id).toEqual(JSON.parse(before!))
      expect(losses, id).toEqual(id === UNANSWERED ? ['approx=tool_result'] : [])
      same++
    }
    expect(same).toBeGreaterThan(200)
  })
})

// ---- A plain reading of answers ------------------------------------------------------------------------------------

interface Plain {
  text: string
  thoughts: string
  calls: unknown[]
  finish: string
  usage: unknown
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (Array.isArray(content)) return content.map(({ text }) => text ?? '').join('')
  return content ? JSON.stringify(content) : ''
}

function thoughtsOf(message: Json): string {
  const parts = Array.isArray(message['content']) ? message['content'] : []
  const inContent = parts.flatMap(({ thinking }) => thinking ?? []).map(({ text }) => text)
  return message['reasoning_content'] ?? message['reasoning'] ?? inContent.join('')
}

const plainArgs = (text: string): string => (text === '' ? '{}' : text)

/** Recorded words for an ending, as the middle model has them. */
const ENDINGS: Json = { stop: 'stop', length: 'length', tool_calls: 'tool_calls', function_call: 'tool_calls' }

function plainWhole(body: Json): Plain {
  const [{ message, finish_reason }] = body['choices']
  const older = message.function_call?.name ? [{ function: message.function_call }] : []
  const calls = [...(message.tool_calls ?? []), ...older].map((call) =>
    call.type === 'custom'
      ? [call.custom.name, call.custom.input]
      : [call.function.name, plainArgs(call.function.arguments)],
  )
  const ending = ENDINGS[finish_reason] ?? 'stop'
  return {
    text: textOf(message.content),
    thoughts: thoughtsOf(message),
    calls,
    finish: message.refusal ? 'refusal' : ending === 'stop' && calls.length > 0 ? 'tool_calls' : ending,
    usage: readChatUsage(body['usage'], body['service_tier']),
  }
}

function plainStream(chunks: readonly Json[]): Plain {
  const plain: Plain = { text: '', thoughts: '', calls: [], finish: 'stop', usage: readChatUsage(undefined) }
  const calls = new Map<unknown, [string, string]>()
  let refused = false
  for (const chunk of chunks) {
    const usage = chunk['usage'] ?? chunk['x_groq']?.usage
    if (typeof usage?.prompt_tokens === 'number') plain.usage = readChatUsage(usage, chunk['service_tier'])
    for (const { index, delta, finish_reason } of chunk['choices'] ?? []) {
      if (index !== 0) continue
      plain.text += textOf(delta?.content)
      plain.thoughts += delta ? thoughtsOf(delta) : ''
      if (delta?.refusal) refused = true
      for (const call of delta?.tool_calls ?? []) {
        const key = call.index ?? call.id
        const before = calls.get(key) ?? ['', '']
        calls.set(key, [before[0] + (call.function.name ?? ''), before[1] + (call.function.arguments ?? '')])
      }
      if (finish_reason) plain.finish = ENDINGS[finish_reason] ?? 'stop'
    }
  }
  plain.calls = [...calls.values()].map(([name, args]) => [name, plainArgs(args)])
  if (plain.finish === 'stop' && calls.size > 0) plain.finish = 'tool_calls'
  if (refused) plain.finish = 'refusal'
  return plain
}

function told({ items, finish, usage }: ChatResponse): Plain {
  const textsOf = (kind: 'text' | 'reasoning'): string =>
    items.map((item) => (item.kind === kind ? item.text : '')).join('')
  return {
    text: textsOf('text'),
    thoughts: textsOf('reasoning'),
    calls: items.flatMap((item) => (item.kind === 'call' ? [[item.name, item.argsText]] : [])),
    finish: finish.unified === 'stop_sequence' ? 'stop' : finish.unified,
    usage,
  }
}

describe.skipIf(!isThere)('recorded answers', () => {
  const answers = recordings.filter(
    ({ status, response_body }) => status < 400 && response_body?.['choices']?.[0]?.message,
  )
  const streams = recordings.filter(({ status, response_stream }) => status < 400 && response_stream)

  test('whole ones say what they say', () => {
    expect(answers.length).toBeGreaterThan(90)
    for (const { id, response_body } of answers) {
      const decoded = codec.decodeResponse(response_body!, decodingOf())
      expect(told(decoded), id).toEqual(plainWhole(response_body!))
      expect(decoded.id).toBe(response_body!['id'] ?? '')
    }
  })

  test('streams say what they say, or end in their error', () => {
    expect(streams.length).toBeGreaterThan(90)
    let failed = 0
    for (const { id, response_stream } of streams) {
      const events = eventsOfStream(response_stream!)
      const chunks = events.flatMap(({ data }) => (data.startsWith('{') ? [JSON.parse(data) as Json] : []))
      const decoded = decodeStream(response_stream!)
      const collector = createCollector()
      for (const event of decoded) collector.push(event)
      if (chunks.some(({ error }) => error)) {
        failed++
        expect(collector.error, id).not.toBeNull()
        expect(collector.finished, id).toBe(false)
        continue
      }
      expect(told(collector.response()), id).toEqual(plainStream(chunks))
    }
    expect(failed).toBe(2)
  })

  test('what a client of this dialect is told says the same, whole and streamed', () => {
    const both = [
      ...answers.map(({ id, response_body }) => ({ id, answer: codec.decodeResponse(response_body!, decodingOf()) })),
      ...streams.map(({ id, response_stream }) => ({ id, answer: collectEvents(decodeStream(response_stream!)) })),
    ]
    for (const { id, answer } of both) {
      if (answer.finish.unified === 'malformed') continue
      const plain = told(answer)
      const whole = codec.decodeResponse(codec.encodeResponse(answer, responseEncodingOf()), decodingOf())
      const streamed = collectEvents(decodeStream(encodeStream(eventsOf(answer))))
      const usage = { ...answer.usage, input: answer.usage.input ?? 0, output: answer.usage.output ?? 0 }
      const known = answer.usage.input === null && answer.usage.output === null ? answer.usage : usage
      // Between several thoughts there are line ends for people.
      const even = (said: Plain): Plain => ({ ...said, thoughts: said.thoughts.replaceAll('\n', '') })
      for (const back of [whole, streamed]) {
        expect(even({ ...told(back), usage: known }), id).toEqual(even({ ...plain, usage: known }))
      }
    }
  })
})
