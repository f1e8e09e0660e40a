// Numbers longer than a `number` holds cross every pair of dialects digit for digit, in arguments of calls, in what
// tools gave back, in schemas and as a seed; in requests and in answers.
import { describe, expect, test } from 'vitest'
import { CODECS } from '../../server/protocols/codecs.ts'
import { asObject, parseJson } from '../../server/protocols/read.ts'
import {
  decodeRequest,
  decodeStream,
  decodingOf,
  type Dialect,
  DIALECTS,
  encodeRequest,
  encodingOf,
  type Json,
  PAIRS,
} from '../support/cross-dialect.ts'

const LONG = '9007199254740993'
const LONGER = '-123456789012345678901234567890'
const ARGS = `{"id":${LONG},"all":[${LONGER}]}`
const SCHEMA = `{"type":"object","properties":{"id":{"type":"integer","enum":[${LONG}]}},"required":["id"]}`
const QUOTED = JSON.stringify(ARGS)

const REQUESTS: Readonly<Record<Dialect, string>> = {
  'openai-chat': `{"seed":${LONG},"messages":[{"role":"user","content":"q"},
    {"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${QUOTED}}}]},
    {"role":"tool","tool_call_id":"c1","content":"ok"}],
    "tools":[{"type":"function","function":{"name":"f","parameters":${SCHEMA}}}]}`,
  'openai-responses': `{"input":[{"role":"user","content":"q"},
    {"type":"function_call","call_id":"c1","name":"f","arguments":${QUOTED}},
    {"type":"function_call_output","call_id":"c1","output":"ok"}],
    "tools":[{"type":"function","name":"f","parameters":${SCHEMA}}]}`,
  'anthropic-messages': `{"max_tokens":900,"messages":[{"role":"user","content":"q"},
    {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"f","input":${ARGS}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"ok"}]}],
    "tools":[{"name":"f","input_schema":${SCHEMA}}]}`,
  gemini: `{"generationConfig":{"seed":${LONG}},"contents":[{"role":"user","parts":[{"text":"q"}]},
    {"role":"model","parts":[{"functionCall":{"name":"f","args":${ARGS}}}]},
    {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":${ARGS}}}}]}],
    "tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${SCHEMA}}]}]}`,
}

const ANSWERS: Readonly<Record<Dialect, string>> = {
  'openai-chat': `{"id":"a","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant",
    "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${QUOTED}}}]}}]}`,
  'openai-responses': `{"id":"a","status":"completed","output":[
    {"type":"function_call","call_id":"c1","name":"f","arguments":${QUOTED}}]}`,
  'anthropic-messages': `{"id":"a","type":"message","role":"assistant","stop_reason":"tool_use",
    "content":[{"type":"tool_use","id":"c1","name":"f","input":${ARGS}}]}`,
  gemini: `{"candidates":[{"finishReason":"STOP","content":{"role":"model","parts":[
    {"functionCall":{"name":"f","args":${ARGS}}}]}}]}`,
}

/** How often a text stands in another, whether in JSON or in a text inside it. */
const count = (text: string, found: string): number => text.split(found).length - 1

const bodyOf = (text: string): Json => asObject(parseJson(text)) as Json

describe.each(PAIRS)('from %s to %s', (from, to) => {
  test('in requests', () => {
    const { body } = encodeRequest(to, decodeRequest(from, bodyOf(REQUESTS[from])))
    const written = JSON.stringify(body)
    // Of the arguments; of Gemini's response; of the schema; a seed for who takes one.
    const takesSeed = (from === 'gemini' || from === 'openai-chat') && (to === 'gemini' || to === 'openai-chat')
    const results = from === 'gemini' ? 1 : 0
    expect(count(written, LONG)).toBe(2 + results + (takesSeed ? 1 : 0))
    expect(count(written, LONGER)).toBe(1 + results)
  })

  test('in answers', () => {
    const answer = CODECS[from].decodeResponse(bodyOf(ANSWERS[from]), decodingOf())
    const written = JSON.stringify(CODECS[to].encodeResponse(answer, encodingOf()))
    expect([count(written, LONG), count(written, LONGER)]).toEqual([1, 1])
  })
})

test.each(['gemini', 'anthropic-messages'] as const)('in a stream of %s that holds arguments as JSON', (dialect) => {
  const events: Readonly<Record<typeof dialect, readonly string[]>> = {
    gemini: [ANSWERS.gemini],
    'anthropic-messages': [
      '{"type":"message_start","message":{"id":"a","model":"m","usage":{"input_tokens":1}}}',
      `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c1","name":"f","input":${ARGS}}}`,
      '{"type":"content_block_stop","index":0}',
      '{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}',
      '{"type":"message_stop"}',
    ],
  }
  const stream = events[dialect].map((data) => {
    const type = /^\{"type":"(\w+)"/.exec(data)?.[1]
    return `${type === undefined ? '' : `event: ${type}\n`}data: ${data.replace(/\n\s*/g, '')}\n\n`
  })
  const { response } = decodeStream(dialect, stream.join(''), decodingOf())
  for (const to of DIALECTS) {
    const written = JSON.stringify(CODECS[to].encodeResponse(response, encodingOf()))
    expect([count(written, LONG), count(written, LONGER)], to).toEqual([1, 1])
  }
})
