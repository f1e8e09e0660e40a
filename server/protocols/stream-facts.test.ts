// How each dialect's streams fail at once, end, and tell their usage, in the shapes that vendors and the servers like
// them send. Recorded traffic holds the same in test/conformance.
import { describe, expect, test } from 'vitest'
import { parseSseEvent, SseTap } from '../kernel/sse.ts'
import type { Usage } from './canonical.ts'
import type { ProtocolId } from './protocol.ts'
import { PROTOCOLS } from './registry.ts'

function look(id: ProtocolId, events: readonly string[]) {
  const { stream } = PROTOCOLS[id]
  const tap = new SseTap(stream.marks)
  for (const event of events) tap.push(Buffer.from(event))
  const { lastEventHead, tail, marked } = tap
  return {
    complete: stream.isComplete({ lastEventHead, tail, marked }),
    usage: stream.readUsage(events[0] ?? '', tail).usage,
    error: stream.readError(parseSseEvent(events.at(-1) ?? '')),
  }
}

const data = (value: unknown): string => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
const event = (name: string, value: unknown): string => `event: ${name}\n${data(value)}`
const chunk = (delta: object, rest: object = {}): string => data({ choices: [{ index: 0, delta, ...rest }] })
const long = 'a "usage": {"prompt_tokens": 9} in words. '.repeat(500)

describe('usage', () => {
  const rows: readonly [string, ProtocolId, readonly string[], Partial<Usage>][] = [
    [
      'the last chunk of several counts, not their sum',
      'openai-chat',
      [
        data({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 1 } }),
        data({
          choices: [],
          usage: { prompt_tokens: 5, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 0 } },
        }),
        data('[DONE]'),
      ],
      { input: 5, output: 9, cacheRead: 0, reasoning: null },
    ],
    [
      'cached tokens by their other name',
      'openai-chat',
      [data({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 1, prompt_cache_hit_tokens: 4 } })],
      { cacheRead: 4 },
    ],
    [
      'thoughts beside the completion are output too where the total says so',
      'openai-chat',
      [
        data({
          choices: [],
          usage: {
            prompt_tokens: 12,
            completion_tokens: 2,
            total_tokens: 334,
            completion_tokens_details: { reasoning_tokens: 320 },
          },
        }),
      ],
      { input: 12, output: 322, reasoning: 320 },
    ],
    [
      'more thoughts than completion stand beside it, whatever the total',
      'openai-chat',
      [
        data({
          choices: [],
          usage: {
            prompt_tokens: 57,
            completion_tokens: 10,
            total_tokens: 67,
            completion_tokens_details: { reasoning_tokens: 37 },
          },
        }),
      ],
      { input: 57, output: 47, reasoning: 37 },
    ],
    [
      'thoughts inside the completion are counted once',
      'openai-chat',
      [
        data({
          choices: [],
          usage: {
            prompt_tokens: 12,
            completion_tokens: 322,
            total_tokens: 334,
            completion_tokens_details: { reasoning_tokens: 320 },
          },
        }),
      ],
      { input: 12, output: 322, reasoning: 320 },
    ],
    ['usage:null is no usage', 'openai-chat', [data({ choices: [{}], usage: null }), data('[DONE]')], { input: null }],
    [
      'what looks like usage inside a text is text',
      'openai-chat',
      [chunk({ content: long }), chunk({}, { finish_reason: 'stop' })],
      { input: null },
    ],
    [
      'cache counts in the start only',
      'anthropic-messages',
      [
        event('message_start', {
          type: 'message_start',
          message: { usage: { input_tokens: 10, cache_creation_input_tokens: 20, cache_read_input_tokens: 30 } },
        }),
        event('message_delta', { type: 'message_delta', usage: { output_tokens: 7 } }),
      ],
      { input: 60, cacheRead: 30, cacheWrite: 20, output: 7 },
    ],
    [
      'cache counts in the delta only',
      'anthropic-messages',
      [
        event('message_start', { type: 'message_start', message: { usage: { input_tokens: 10, output_tokens: 1 } } }),
        event('message_delta', {
          type: 'message_delta',
          usage: { output_tokens: 7, cache_creation_input_tokens: 20, cache_read_input_tokens: 30 },
        }),
      ],
      { input: 60, cacheRead: 30, cacheWrite: 20, output: 7 },
    ],
    [
      'cache counts in both are counted once',
      'anthropic-messages',
      [
        event('message_start', {
          type: 'message_start',
          message: { usage: { input_tokens: 10, cache_read_input_tokens: 30 } },
        }),
        event('message_delta', {
          type: 'message_delta',
          usage: { input_tokens: 10, output_tokens: 7, cache_read_input_tokens: 30 },
        }),
      ],
      { input: 40, cacheRead: 30, output: 7 },
    ],
    [
      'what a delta leaves out or calls null stays as the start said',
      'anthropic-messages',
      [
        event('message_start', {
          type: 'message_start',
          message: { usage: { input_tokens: 10, cache_read_input_tokens: 30, output_tokens: 1 } },
        }),
        event('message_delta', {
          type: 'message_delta',
          usage: { input_tokens: null, output_tokens: 7, cache_read_input_tokens: null },
        }),
      ],
      { input: 40, cacheRead: 30, output: 7 },
    ],
    [
      'a stream cut before its delta knows what went in',
      'anthropic-messages',
      [event('message_start', { type: 'message_start', message: { usage: { input_tokens: 10, output_tokens: 1 } } })],
      { input: 10, output: 1 },
    ],
    [
      'the finished response tells it, behind an answer of any length',
      'openai-responses',
      [
        event('response.created', { type: 'response.created', response: { usage: null } }),
        event('response.completed', {
          type: 'response.completed',
          response: {
            output: [{ content: [{ text: long }] }],
            usage: {
              input_tokens: 8,
              input_tokens_details: { cached_tokens: 2 },
              output_tokens: 4,
              output_tokens_details: { reasoning_tokens: 0 },
            },
          },
        }),
      ],
      { input: 8, cacheRead: 2, output: 4, reasoning: 0 },
    ],
    [
      'thoughts are part of the output, tool prompts of the input',
      'gemini',
      [
        data({
          candidates: [{ finishReason: 'STOP' }],
          usageMetadata: {
            promptTokenCount: 3,
            toolUsePromptTokenCount: 2,
            candidatesTokenCount: 5,
            thoughtsTokenCount: 382,
          },
        }),
      ],
      { input: 5, output: 387, reasoning: 382 },
    ],
    [
      'a blocked prompt produced nothing',
      'gemini',
      [data({ promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 3 } })],
      { input: 3, output: 0 },
    ],
    [
      'a prompt that is left out is unknown, what was produced is not',
      'gemini',
      [data({ candidates: [{}], usageMetadata: { candidatesTokenCount: 23, thoughtsTokenCount: 67 } })],
      { input: null, output: 90, reasoning: 67 },
    ],
  ]
  test.each(rows)('%s (%s)', (_claim, id, events, expected) => {
    expect(look(id, events).usage).toMatchObject(expected)
  })
})

describe('endings', () => {
  const rows: readonly [boolean, string, ProtocolId, readonly string[]][] = [
    [true, '[DONE]', 'openai-chat', [chunk({ content: 'a' }), data('[DONE]')]],
    [true, 'a finish reason without [DONE]', 'openai-chat', [chunk({}, { finish_reason: 'stop' })]],
    [true, 'an error event of the provider', 'openai-chat', [chunk({}), event('error', { error: { message: 'x' } })]],
    [true, 'an error chunk', 'openai-chat', [chunk({}), data({ error: { message: 'x' } })]],
    [false, 'finish_reason:null', 'openai-chat', [chunk({ content: 'a' }, { finish_reason: null })]],
    [false, 'a text that speaks of it', 'openai-chat', [chunk({ content: '"finish_reason":"stop" data: [DONE]' })]],
    [true, 'message_stop', 'anthropic-messages', [event('message_stop', { type: 'message_stop' })]],
    [true, 'an error event', 'anthropic-messages', [event('error', { type: 'error', error: {} })]],
    [
      false,
      'the stop reason alone',
      'anthropic-messages',
      [event('message_delta', { type: 'message_delta', delta: { stop_reason: 'end_turn' } })],
    ],
    [true, 'response.completed', 'openai-responses', [event('response.completed', { type: 'response.completed' })]],
    [true, 'response.incomplete without event lines', 'openai-responses', [data({ type: 'response.incomplete' })]],
    [
      true,
      'a completed response of any length',
      'openai-responses',
      [data({ type: 'response.completed', response: { output: long, x: long } })],
    ],
    [
      true,
      'its type at the end, behind any length',
      'openai-responses',
      [data({ response: { output: long }, type: 'response.completed' })],
    ],
    [
      false,
      'output_item.done',
      'openai-responses',
      [event('response.output_item.done', { type: 'response.output_item.done' })],
    ],
    [true, 'a finish reason', 'gemini', [data({ candidates: [{ finishReason: 'STOP' }] })]],
    [
      true,
      'a finish reason, then grounding',
      'gemini',
      [data({ candidates: [{ finishReason: 'STOP' }] }), data({ x: long })],
    ],
    [true, 'a blocked prompt', 'gemini', [data({ promptFeedback: { blockReason: 'SAFETY' } })]],
    [true, 'an error', 'gemini', [data({ error: { code: 503 } })]],
    [false, 'text only', 'gemini', [data({ candidates: [{ content: { parts: [{ text: '"finishReason"' }] } }] })]],
  ]
  test.each(rows)('complete %s: %s (%s)', (expected, _what, id, events) => {
    expect(look(id, events).complete).toBe(expected)
  })

  test.each(Object.values(PROTOCOLS).map((protocol) => [protocol.id] as const))('%s: nothing is no ending', (id) => {
    expect(look(id, []).complete).toBe(false)
    expect(look(id, [': ping\n\n']).complete).toBe(false)
  })
})

describe('a first event that is an error', () => {
  test.each([
    ['openai-chat', data({ error: { message: 'm', type: 'server_error', code: 'c' } }), ['c', 'server_error']],
    ['openai-chat', event('error', { message: 'm', type: 'server_error' }), ['server_error', 'server_error']],
    [
      'openai-responses',
      event('error', { type: 'error', code: 'server_error', message: 'm' }),
      ['server_error', 'server_error'],
    ],
    [
      'openai-responses',
      data({ type: 'response.failed', response: { error: { code: 'rate_limit_exceeded', message: 'm' } } }),
      ['rate_limit_exceeded'],
    ],
    [
      'anthropic-messages',
      event('error', { type: 'error', error: { type: 'overloaded_error', message: 'm' } }),
      ['overloaded_error'],
    ],
    ['gemini', data({ error: { code: 503, message: 'm', status: 'UNAVAILABLE' } }), ['unavailable']],
  ] as const)('%s: %s', (id, text, signals) => {
    expect(look(id, [text]).error).toMatchObject({ signals, message: 'm' })
  })

  test.each([
    ['openai-chat', chunk({ role: 'assistant' }, { finish_reason: null })],
    ['openai-chat', data({ choices: [], error: null })],
    ['openai-chat', data('[DONE]')],
    ['openai-responses', event('response.created', { type: 'response.created', response: { error: null } })],
    ['anthropic-messages', event('message_start', { type: 'message_start' })],
    ['gemini', data({ candidates: [] })],
    ['gemini', data('not json')],
  ] as const)('%s: %s is none', (id, text) => {
    expect(look(id, [text]).error).toBeNull()
  })
})
