// Recorded traffic through the codec: requests mean the same when they are written again, and answers say what a plain
// reading of the recorded JSON says. The recordings are no part of this project.
import { describe, expect, test } from 'vitest'
import { parseSseEvent } from '../../kernel/sse.ts'
import { decode, encode, PROVIDER, type WireEvent } from '../../../test/support/responses-codec.ts'
import { readRecordings, recordingsAvailable, warnWithoutRecordings } from '../../../test/support/recordings.ts'
import type { ChatResponse } from '../canonical.ts'
import { collectEvents } from '../collect.ts'
import { openaiResponsesCodec as codec } from './codec.ts'
import { readResponsesUsage } from './usage.ts'

warnWithoutRecordings('openai-responses/recordings.test.ts')
const recordings = readRecordings().filter(({ file }) => file === 'openai-responses')

/** Fields of an item that say where it is stored, or how far it got: nothing about what is asked. */
const BOOKKEEPING = ['status', 'logprobs']

/** Deltas that were shortened by hand where it was kept, so that they say another text than its items. */
const CONTRADICTORY = new Set(['openai-responses-01c39166c236'])

/** The same request in one spelling; each step names what two spellings of one meaning are. */
function normalise(body: WireEvent): WireEvent {
  const { input, include, user, tools, model: _model, stream: _stream, background, service_tier: tier, ...rest } = body
  return dropEmpty({
    ...rest,
    // A text is a message of the user.
    input: (typeof input === 'string' ? [{ role: 'user', content: input }] : (input ?? [])).flatMap(normaliseItem),
    include: [...(include ?? [])].sort(),
    // The newer name of `user`; `background: false` and the tier `auto` are the defaults.
    safety_identifier: rest['safety_identifier'] ?? user,
    background: background || null,
    service_tier: tier === 'auto' ? null : tier,
    truncation: rest['truncation'] === 'disabled' ? null : rest['truncation'],
    // Tools of the provider stand behind functions, whose order is kept.
    tools: [...(tools ?? [])].sort((one: WireEvent, other: WireEvent) => rank(one) - rank(other)),
  })
}

const rank = ({ type }: WireEvent): number => (['function', 'custom', 'namespace'].includes(type) ? 0 : 1)

function normaliseItem(item: WireEvent): WireEvent[] {
  const bare = Object.fromEntries(Object.entries(item).filter(([key]) => !BOOKKEEPING.includes(key)))
  const type = item['type'] ?? (item['role'] ? 'message' : 'item_reference')
  if (type === 'message') return normaliseMessage(item)
  if (type === 'reasoning') {
    // A summary's parts are one text.
    const summary = item['summary'].map(({ text }: WireEvent) => text).join('\n\n')
    return [dropEmpty({ ...bare, summary: summary === '' ? null : summary })]
  }
  if (type === 'function_call') return [{ ...bare, id: null, arguments: item['arguments'] || '{}' }]
  if (type === 'custom_tool_call') return [{ ...bare, id: null }]
  if (type === 'function_call_output') {
    const output = item['output']
    const only = Array.isArray(output) && output.length === 1 && output[0].type === 'input_text'
    return [{ ...bare, output: only ? output[0].text : output }]
  }
  return [item]
}

// To OpenAI system and developer are one, and so are two messages of theirs and one with two parts.
function normaliseMessage({ role, content, phase }: WireEvent): WireEvent[] {
  const spoken = role === 'assistant' ? 'output_text' : 'input_text'
  const parts: WireEvent[] = typeof content === 'string' ? [{ type: spoken, text: content }] : content
  const message = { type: 'message', role: role === 'system' ? 'developer' : role, phase }
  const cleaned = parts.map((part) =>
    dropEmpty({
      ...part,
      logprobs: null,
      detail: part['type'] === 'input_image' ? (part['detail'] ?? 'auto') : part['detail'],
    }),
  )
  // An empty text of the assistant says nothing.
  const said = cleaned.filter((part) => part['type'] !== 'output_text' || part['text'] !== undefined)
  if (said.length === 0) return []
  if (message.role !== 'developer') return [{ ...message, content: said }]
  return cleaned.map((part) => ({ ...message, content: [part] }))
}

function dropEmpty(object: WireEvent): WireEvent {
  const isEmpty = (value: unknown): boolean =>
    value === null ||
    value === undefined ||
    value === '' ||
    (typeof value === 'object' && Object.values(value).every((inner) => inner === null))
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !isEmpty(value)))
}

const clean = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, inner) => inner ?? undefined))

/** What the recorded JSON itself says. */
function plainReading(body: WireEvent): object {
  const output: WireEvent[] = body['output'] ?? []
  const content = output.filter(({ type }) => type === 'message').flatMap((item) => item['content'])
  const calls = output.filter(({ type }) => type === 'function_call' || type === 'custom_tool_call')
  const reasoning = output.filter(({ type }) => type === 'reasoning')
  return {
    text: content.map(({ text }) => text ?? '').join(''),
    refusal: content.map(({ refusal }) => refusal ?? '').join(''),
    sources: content.flatMap(({ annotations }) => annotations ?? []).length,
    calls: calls.map((call) => [call['call_id'], call['name'], call['arguments'] ?? call['input']]),
    thoughts: reasoning
      .flatMap((item) => [item['summary'].map(({ text }: WireEvent) => text).join('\n\n'), ...textsOf(item['content'])])
      .join(''),
    sealed: reasoning.flatMap((item) => item['encrypted_content'] ?? []),
    others: output.filter(({ type }) => !['message', 'reasoning', 'function_call', 'custom_tool_call'].includes(type)),
    usage: readResponsesUsage(body['usage'], body['tool_usage'], body['service_tier']),
  }
}

const textsOf = (parts: WireEvent[] | null | undefined): string[] => (parts ?? []).map(({ text }) => text)

function readingOf({ items, usage }: ChatResponse): object {
  const join = (kind: string): string =>
    items.map((item) => (item.kind === kind && 'text' in item ? item.text : '')).join('')
  return {
    text: join('text'),
    refusal: join('refusal'),
    sources: items.flatMap((item) => (item.kind === 'text' ? (item.citations ?? []) : [])).length,
    calls: items.flatMap((item) => (item.kind === 'call' ? [[item.id, item.name, item.argsText]] : [])),
    thoughts: join('reasoning'),
    sealed: items.flatMap((item) => item.signature?.value ?? []),
    others: items.flatMap((item) => (item.kind === 'opaque' ? [item.raw] : [])),
    usage,
  }
}

function finishOf(body: WireEvent): string {
  if (body['status'] === 'incomplete')
    return { max_output_tokens: 'length' }[String(body['incomplete_details'].reason)]!
  if (body['status'] === 'queued') return 'malformed'
  if (body['output'].some(({ type }: WireEvent) => /^(?:function|custom_tool)_call$/.test(type))) return 'tool_calls'
  return JSON.stringify(body['output']).includes('"type":"refusal"') ? 'refusal' : 'stop'
}

describe.skipIf(!recordingsAvailable)('recorded Responses traffic', () => {
  const requests = recordings.filter(({ requestBody }) => requestBody)
  test(`${requests.length} requests mean the same when written again`, () => {
    expect(requests.length).toBeGreaterThan(100)
    for (const { id, requestBody } of requests) {
      const body = requestBody as WireEvent
      const { body: written, losses } = encode(decode(body))
      expect(losses, id).toEqual([])
      expect(clean(normalise(written)), id).toEqual(clean(normalise(body)))
    }
  })

  const answers = recordings.filter(({ status, isSse }) => status === 200 && !isSse)
  test(`${answers.length} answers say what their JSON says`, () => {
    expect(answers.length).toBeGreaterThan(60)
    for (const { id, answer } of answers) {
      const body = JSON.parse(answer) as WireEvent
      const response = codec.decodeResponse(body, PROVIDER)
      expect(clean(readingOf(response)), id).toEqual(clean(plainReading(body)))
      expect(response.finish.unified, id).toBe(finishOf(body))
    }
  })

  const streams = recordings.filter(({ id, status, isSse }) => status === 200 && isSse && !CONTRADICTORY.has(id))
  test(`${streams.length} streams say what their last event says`, () => {
    expect(streams.length).toBeGreaterThan(60)
    for (const { id, answer } of streams) {
      const decoder = codec.streamDecoder(PROVIDER)
      const wire = answer.split(/\r?\n\r?\n/).map(parseSseEvent)
      const events = [...wire.flatMap((event) => decoder.push(event)), ...decoder.end()]
      const said = wire.filter(({ data }) => data.startsWith('{')).map(({ data }) => JSON.parse(data) as WireEvent)
      const last = said.findLast(({ type }) => /^response\.(?:completed|incomplete|failed)$/.test(type))!
      if (last['type'] === 'response.failed') {
        expect(
          events.filter(({ type }) => type === 'error'),
          id,
        ).toHaveLength(1)
        continue
      }
      const response = collectEvents(events)
      // OpenAI seals its state anew for the last event, so the items are compared as they were done.
      const output = said.filter(({ type }) => type === 'response.output_item.done').map(({ item }) => item)
      const whole = { ...last['response'], output }
      expect(clean(readingOf(response)), id).toEqual(clean(plainReading(whole)))
      expect(response.finish.unified, id).toBe(finishOf(whole))
      expect(response, id).toEqual({ ...codec.decodeResponse(whole, PROVIDER) })
      expect(response.id, id).toBe(last['response'].id)
    }
  })
})
