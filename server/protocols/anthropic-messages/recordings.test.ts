// Recorded Messages traffic through the codec: requests come out meaning the same, answers say what a plain reading
// of them says. The recordings are no part of this project; UNIROUTE_RECORDINGS names their folder.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ChatResponse, Signature } from '../canonical.ts'
import { createLossReport } from '../codec.ts'
import { collectEvents } from '../collect.ts'
import { decodeCountTokensRequest, decodeCountTokensResponse, encodeCountTokensRequest } from './count-tokens.ts'
import {
  BUDGET_PROFILE,
  codec,
  decode,
  decodeStream,
  decodingOf,
  encodeStream,
  encodingOf,
  eventsOfStream,
  lossNames,
  PROFILE,
  responseEncodingOf,
  wireEvents,
} from './testing.ts'
import { readAnthropicUsage } from './usage.ts'
import type { ModelProfile } from '../profile.ts'

type Json = Record<string, unknown>
interface Recording {
  readonly id: string
  readonly status: number
  readonly request_body: Json | null
  readonly response_body?: Json
  readonly response_stream?: string
}

const folder = process.env['UNIROUTE_RECORDINGS'] ?? ''
const isThere = folder !== '' && existsSync(join(folder, 'anthropic-messages.ndjson'))
if (!isThere) console.warn('recorded Messages traffic was not read: UNIROUTE_RECORDINGS does not name its folder')

function read(...files: readonly string[]): Recording[] {
  if (!isThere) return []
  return files.flatMap((file) =>
    readFileSync(join(folder, `${file}.ndjson`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  )
}

function profileOf(model: string): ModelProfile {
  if (/claude-[23]|haiku-3|sonnet-3/.test(model)) {
    const thinks = model.includes('3-7')
    return { ...BUDGET_PROFILE, model, thinking: thinks ? 'budget' : 'none', sampling: 'all' }
  }
  if (/(?:opus|sonnet|haiku)-4-[67]/.test(model)) return { ...PROFILE, model, sampling: 'one' }
  if (/(?:opus|sonnet|haiku)-4-[89]|-5\b(?!-2025)/.test(model) && !/4-5/.test(model)) return { ...PROFILE, model }
  return { ...BUDGET_PROFILE, model, sampling: 'all', efforts: ['low', 'medium', 'high'] }
}

// ---- Meaning: what is left of a request when its spellings are evened out ------------------------------------------

const list = (value: unknown): Json[] =>
  typeof value === 'string'
    ? value === ''
      ? []
      : [{ type: 'text', text: value }]
    : ((value as Json[] | null | undefined) ?? [])

function meaningOfBlock(block: Json): Json {
  const { caller, cache_control: mark, ...rest } = withoutNulls(block)
  const called = caller && (caller as Json)['type'] !== 'direct' ? { caller } : {}
  const marked = mark ? { cache_control: mark } : {}
  if (rest['type'] !== 'tool_result') return { ...rest, ...called, ...marked }
  const { is_error: failed, content, ...result } = rest
  return { ...result, ...(failed === true ? { failed } : {}), content: list(content).map(meaningOfBlock), ...marked }
}

function meaningOf(body: Json): Json {
  const { messages, system, tools, tool_choice, output_format, output_config, thinking, stream, ...rest } =
    withoutNulls(body)
  // -1 says that it is left out.
  for (const name of ['top_p', 'top_k']) if (rest[name] === -1) delete rest[name]
  const { disable_parallel_tool_use: single, ...choice } = (tool_choice as Json | undefined) ?? {}
  const turns: { role: unknown; content: Json[] }[] = []
  for (const { role, content } of messages as Json[]) {
    const blocks = list(content)
      .map(meaningOfBlock)
      .filter((block) => block['type'] !== 'text' || String(block['text']).trim() !== '')
    const last = turns.at(-1)
    if (last && last.role === role) last.content.push(...blocks)
    else if (blocks.length > 0) turns.push({ role, content: blocks })
  }
  const named = list(tools).map((tool) => {
    const { type, defer_loading: deferred, strict, ...fields } = withoutNulls(tool)
    return {
      ...fields,
      ...(type && type !== 'custom' ? { type } : {}),
      ...(deferred ? { deferred } : {}),
      ...(strict ? { strict } : {}),
    } as Json
  })
  const output = { ...(output_config as Json), ...(output_format ? { format: output_format } : {}) }
  const { display, ...thought } = (thinking as Json | undefined) ?? {}
  return {
    ...rest,
    turns,
    ...(tool_choice ? { choice: { ...choice, ...(single ? { single } : {}) } } : {}),
    ...(stream === true ? { stream } : {}),
    ...(list(system).length > 0 ? { system: list(system).map(meaningOfBlock) } : {}),
    ...(named.length > 0
      ? { tools: [...named.filter((tool) => !tool['type']), ...named.filter((tool) => tool['type'])] }
      : {}),
    ...(Object.keys(output).length > 0 ? { output } : {}),
    // Thoughts are shown where a budget is given and nothing else is said.
    ...(thinking
      ? {
          thinking: {
            ...thought,
            ...(display === undefined || (thought['type'] === 'enabled' && display === 'summarized')
              ? {}
              : { display }),
          },
        }
      : {}),
  }
}

function withoutNulls(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined))
}

/** Requests that do not come out as they went in, and why that is right. */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  // A model that thinks adaptively was given a budget: it becomes the effort nearest to it.
  'anthropic-messages-019174fccb34': ['approx=thinking_budget'],
  'anthropic-messages-e6ab0285c83e': ['approx=thinking_budget'],
  // A forced call beside adaptive thinking: thinking goes off by rule, though this one model was seen to take both.
  'anthropic-messages-21a9d1754c38': ['approx=thinking'],
  'anthropic-count-tokens-f82b120905be': ['approx=thinking'],
}

describe.skipIf(!isThere)('recorded requests', () => {
  const requests = read('anthropic-messages', 'anthropic-vertex').filter(
    (recording) => recording.request_body && Array.isArray(recording.request_body['messages']),
  )
  test.each(requests.map((recording) => [recording.id, recording] as const))('%s means the same', (id, recording) => {
    const body = recording.request_body!
    const model = String(body['model'] ?? 'claude-sonnet-4-6')
    const losses = createLossReport()
    const encoding = encodingOf({ profile: profileOf(model), stream: body['stream'] === true, losses })
    const encoded = codec.encodeRequest({ ...decode(body, losses), model }, encoding)
    expect(lossNames(losses)).toEqual(EXCEPTIONS[id] ?? [])
    if (!EXCEPTIONS[id]) expect(meaningOf(encoded.body)).toEqual(meaningOf({ ...body, model }))
  })

  test('there are enough of them', () => {
    expect(requests.length).toBeGreaterThan(150)
  })
})

// ---- Answers: the plain reading ------------------------------------------------------------------------------------

interface Plain {
  readonly text: string
  readonly thoughts: string
  readonly calls: readonly { id: unknown; name: unknown; input: unknown }[]
  readonly opaque: readonly unknown[]
  readonly stop: unknown
  readonly usage: unknown
}

function readPlainly(message: Json): Plain {
  const blocks = message['content'] as Json[]
  const textOf = (type: string, field: string): string =>
    blocks
      .filter((block) => block['type'] === type)
      .map((block) => block[field])
      .join('')
  return {
    text: textOf('text', 'text'),
    thoughts: textOf('thinking', 'thinking'),
    calls: blocks.filter((block) => block['type'] === 'tool_use').map(({ id, name, input }) => ({ id, name, input })),
    opaque: blocks.filter(
      (block) => !['text', 'thinking', 'redacted_thinking', 'tool_use'].includes(String(block['type'])),
    ),
    stop: message['stop_reason'],
    usage: readAnthropicUsage(message['usage']),
  }
}

/** A stream put together as the vendor describes it, without any of the codec's parts. */
function assemble(stream: string): Json {
  let message: Json = {}
  const args: string[] = []
  for (const { data } of eventsOfStream(stream)) {
    const event = JSON.parse(data)
    const { index, delta } = event
    const content = (message['content'] as Json[] | undefined) ?? []
    if (event.type === 'message_start') message = event.message
    else if (event.type === 'content_block_start') content[index] = event.content_block
    else if (event.type === 'content_block_delta') {
      const block = content[index]!
      if (delta.type === 'signature_delta') block['signature'] = delta.signature
      if (delta.type === 'citations_delta')
        block['citations'] = [...((block['citations'] as Json[]) ?? []), delta.citation]
      for (const field of ['text', 'thinking', 'content']) {
        if (typeof delta[field] === 'string') block[field] = ((block[field] as string | null) ?? '') + delta[field]
      }
      if (delta.type === 'input_json_delta') args[index] = (args[index] ?? '') + delta.partial_json
      if (args[index]) block['input'] = parsePart(args[index])
    } else if (event.type === 'message_delta') {
      const { context_management } = event
      message = {
        ...message,
        ...event.delta,
        ...(context_management ? { context_management } : {}),
        usage: { ...(message['usage'] as Json), ...withoutNulls(event.usage) },
      }
    }
  }
  return message
}

function parsePart(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}

function plainOf(response: ChatResponse): Plain {
  const { items, finish, usage } = response
  return {
    text: items.map((item) => (item.kind === 'text' ? item.text : '')).join(''),
    thoughts: items.map((item) => (item.kind === 'reasoning' ? item.text : '')).join(''),
    calls: items
      .filter((item) => item.kind === 'call')
      .map(({ id, name, argsText }) => ({ id, name, input: parsePart(argsText) })),
    opaque: items.filter((item) => item.kind === 'opaque').map(({ raw }) => raw),
    stop: finish.raw,
    usage,
  }
}

/** Ids and names are the gateway's; counts of 0 and lists of nothing are said or left out at will. */
function meaningOfAnswer(message: Json): Json {
  const { id: _id, model: _model, content, usage, ...rest } = withoutNulls(message)
  const counts = Object.entries(usage as Json).filter(([key]) => key !== 'cache_creation')
  return {
    ...rest,
    content: list(content).map((block) => {
      const { caller, citations, ...fields } = withoutNulls(block)
      const cited = Array.isArray(citations) && citations.length > 0 ? { citations } : {}
      return { ...fields, ...cited, ...(caller && (caller as Json)['type'] !== 'direct' ? { caller } : {}) }
    }),
    usage: Object.fromEntries(counts.filter(([, value]) => value !== null && value !== 0)),
    cached: readAnthropicUsage(usage).cacheWrite1h ?? 0,
  }
}

const FINISHES: Readonly<Record<string, string>> = {
  end_turn: 'stop',
  stop_sequence: 'stop_sequence',
  max_tokens: 'length',
  tool_use: 'tool_calls',
  pause_turn: 'pause',
}

describe.skipIf(!isThere)('recorded answers', () => {
  const recordings = read('anthropic-messages', 'anthropic-vertex').filter(({ status }) => status === 200)
  const whole = recordings.filter(({ response_body: body }) => body?.['type'] === 'message')
  const streams = recordings.filter(({ response_stream: stream }) => stream !== undefined)

  test.each(whole.map((recording) => [recording.id, recording] as const))(
    '%s, whole',
    (_id, { response_body: body }) => {
      const response = codec.decodeResponse(body!, decodingOf())
      expect(plainOf(response)).toEqual(readPlainly(body!))
      expect(response.finish.unified).toBe(FINISHES[String(body!['stop_reason'])])
    },
  )

  test.each(streams.map((recording) => [recording.id, recording] as const))(
    '%s, streamed',
    (_id, { response_stream: stream }) => {
      const events = decodeStream(stream!)
      const response = collectEvents(events)
      const plain = readPlainly(assemble(stream!))
      if (events.at(-1)?.type === 'error') {
        expect(stream).not.toContain('message_stop')
        return
      }
      expect(plainOf(response)).toEqual(plain)
      expect(response.finish.unified).toBe(FINISHES[String(plain.stop)])
    },
  )

  // CI sends same-dialect traffic through the codec as well: what comes out must say what went in.
  const native = { ...responseEncodingOf(), sealEnvelope: (signature: Signature) => signature.value }

  test.each(whole.map((recording) => [recording.id, recording] as const))(
    '%s, whole and back',
    (_id, { response_body: body }) => {
      const back = codec.encodeResponse(codec.decodeResponse(body!, decodingOf()), native)
      expect(meaningOfAnswer(back)).toEqual(meaningOfAnswer(body!))
    },
  )

  test.each(streams.map((recording) => [recording.id, recording] as const))(
    '%s, streamed and back',
    (_id, { response_stream: stream }) => {
      const back = encodeStream(decodeStream(stream!), native)
      expect(() => wireEvents(back)).not.toThrow()
      if (stream!.includes('message_stop'))
        expect(meaningOfAnswer(assemble(back))).toEqual(meaningOfAnswer(assemble(stream!)))
    },
  )

  test('there are enough of them', () => {
    expect([whole.length > 70, streams.length > 70]).toEqual([true, true])
  })
})

describe.skipIf(!isThere)('recorded counts of tokens', () => {
  test.each(read('anthropic-count-tokens').map((recording) => [recording.id, recording] as const))(
    '%s',
    (id, recording) => {
      const { request_body: body, response_body: answer, status } = recording
      const losses = createLossReport()
      const model = String(body!['model'])
      const request = decodeCountTokensRequest(body!, { model, openEnvelope: () => null, losses })
      const encoded = encodeCountTokensRequest(request, encodingOf({ profile: profileOf(model), losses }))
      expect(lossNames(losses)).toEqual(EXCEPTIONS[id] ?? [])
      if (!EXCEPTIONS[id]) expect(meaningOf(encoded.body)).toEqual(meaningOf(body!))
      if (status === 200) expect(decodeCountTokensResponse(answer!)).toBe(answer!['input_tokens'])
    },
  )
})
