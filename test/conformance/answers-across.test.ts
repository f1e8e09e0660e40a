// What providers say beside the text of an answer reaches clients of every other dialect that has a place for it, whole
// and streamed, or is told as lost.
import { describe, expect, test } from 'vitest'
import type { ChatRequest, ChatResponse, Finish } from '../../server/protocols/canonical.ts'
import { createLossReport, type ResponseEncoding } from '../../server/protocols/codec.ts'
import { CODECS } from '../../server/protocols/codecs.ts'
import { eventsOf } from '../../server/protocols/collect.ts'
import type { ProtocolId } from '../../server/protocols/protocol.ts'
import { requestOf } from '../../server/protocols/testing.ts'
import { decodingOf, type Dialect, type Json } from '../support/cross-dialect.ts'

interface Told {
  readonly whole: string
  readonly streamed: string
  readonly losses: readonly string[]
}

/** An answer of one dialect as clients of another get it; both ways must lose the same. */
function tell(from: Dialect, to: ProtocolId, body: Json, request = requestOf({})): Told {
  const answer = CODECS[from].decodeResponse(body, decodingOf())
  return write(answer, to, request)
}

function write(answer: ChatResponse, to: ProtocolId, request = requestOf({})): Told {
  const [one, other] = [encodingOf(request), encodingOf(request)]
  const whole = JSON.stringify(CODECS[to].encodeResponse(answer, one))
  const encoder = CODECS[to].streamEncoder(other)
  const streamed = [...eventsOf(answer)].map((event) => encoder.push(event)).join('')
  const losses = [one, other].map((encoding) => encoding.losses.losses.map(({ path }) => path))
  expect(losses[1]).toEqual(losses[0])
  return { whole, streamed, losses: losses[0]! }
}

function encodingOf(request: ChatRequest): ResponseEncoding {
  return {
    requestedModel: 'asked-for',
    requestId: 'req_01J',
    created: 1_700_000_000,
    sealEnvelope: () => 'urs1.',
    streamUsage: true,
    request,
    losses: createLossReport(),
  }
}

const CLIENTS: readonly ProtocolId[] = [
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'gemini',
  'uniroute-chat',
]

describe.each(CLIENTS.filter((to) => to !== 'anthropic-messages'))('a citation of a document, to %s', (to) => {
  test('is said, or told as lost', () => {
    const cited = { type: 'char_location', cited_text: 'the quote', document_index: 0, document_title: 'T' }
    const content = [{ type: 'text', text: 'Warm', citations: [cited] }]
    const body = { type: 'message', id: 'msg_1', model: 'm', content, stop_reason: 'end_turn' }
    const { whole, streamed, losses } = tell('anthropic-messages', to, body)
    const isSaid = [whole, streamed].map((text) => text.includes('the quote'))
    expect([isSaid, losses]).toEqual(isSaid[0] ? [[true, true], []] : [[false, false], ['citations']])
  })
})

const BLOCKED: readonly (readonly [string, Json])[] = [
  ['an answer', { candidates: [{ index: 0, finishReason: 'SAFETY', finishMessage: 'Too rude.' }] }],
  ['a prompt', { promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: 'Too rude.' } }],
]

describe.each(BLOCKED)('why Gemini filtered %s', (_what, body) => {
  test.each(CLIENTS)('reaches %s', (to) => {
    const { whole, streamed, losses } = tell('gemini', to, body)
    if (to === 'uniroute-chat') return expect(losses).toEqual(['finish_reason'])
    expect([whole, streamed]).toEqual([expect.stringContaining('Too rude.'), expect.stringContaining('Too rude.')])
    expect(losses).toEqual([])
    const words = { 'openai-chat': '"content_filter"', 'openai-responses': '"content_filter"', gemini: 'SAFETY' }
    const word = words[to as keyof typeof words] ?? '"stop_reason":"refusal"'
    expect([whole, streamed]).toEqual([expect.stringContaining(word), expect.stringContaining(word)])
  })
})

// The answers of each dialect that was served in a tier, and what a client is told of it; null: it has no word for it.
const TIERED: Readonly<Record<string, (tier: string) => readonly [Dialect, Json]>> = {
  Chat: (tier) => [
    'openai-chat',
    {
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 9, completion_tokens: 1 },
      service_tier: tier,
    },
  ],
  Responses: (tier) => [
    'openai-responses',
    {
      id: 'resp_1',
      status: 'completed',
      output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi' }] }],
      usage: { input_tokens: 9, output_tokens: 1 },
      service_tier: tier,
    },
  ],
  Messages: (tier) => [
    'anthropic-messages',
    {
      content: [{ type: 'text', text: 'Hi' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 9, output_tokens: 1, service_tier: tier },
    },
  ],
  Gemini: (tier) => [
    'gemini',
    {
      candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'Hi' }] }, finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 1, serviceTier: tier },
    },
  ],
}
const TOLD_TIERS: readonly (readonly [ProtocolId, served: string, told: string])[] = [
  ['openai-chat', 'priority', '"service_tier":"priority"'],
  ['openai-chat', 'flex', '"service_tier":"flex"'],
  ['openai-responses', 'priority', '"service_tier":"priority"'],
  ['openai-responses', 'flex', '"service_tier":"flex"'],
  ['anthropic-messages', 'priority', '"service_tier":"priority"'],
  ['anthropic-messages', 'flex', '"service_tier":null'],
  ['gemini', 'flex', '"serviceTier":"flex"'],
]

describe.each(Object.entries(TIERED))('the tier that an answer of %s was served in', (_name, answer) => {
  const others = TOLD_TIERS.filter(([to]) => to !== answer('flex')[0])
  test.each(others)('reaches %s: %s is %s', (to, served, told) => {
    const [from, body] = answer(served)
    const { whole, streamed } = tell(from, to, body)
    expect([whole, streamed]).toEqual([expect.stringContaining(told), expect.stringContaining(told)])
  })

  test('is the default one where a Responses client is told of another that it asked for', () => {
    const [from, body] = answer('standard')
    const { whole } = tell(from, 'openai-responses', body, requestOf({ tier: 'flex' }))
    expect(JSON.parse(whole)).toMatchObject({ service_tier: 'default' })
    const chat = tell(from, 'openai-chat', body, requestOf({ tier: 'flex' }))
    if (from !== 'openai-chat') expect(JSON.parse(chat.whole)).toMatchObject({ service_tier: 'default' })
  })
})

test('sound is counted apart from text between Chat and Gemini, both ways', () => {
  const fromGemini = {
    candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'Hi' }] }, finishReason: 'STOP' }],
    usageMetadata: {
      promptTokenCount: 90,
      candidatesTokenCount: 7,
      promptTokensDetails: [
        { modality: 'AUDIO', tokenCount: 80 },
        { modality: 'TEXT', tokenCount: 10 },
      ],
    },
  }
  const chat = tell('gemini', 'openai-chat', fromGemini)
  expect([chat.whole, chat.streamed]).toEqual(Array(2).fill(expect.stringContaining('"audio_tokens":80')))
  const fromChat = {
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: 90,
      completion_tokens: 7,
      total_tokens: 97,
      prompt_tokens_details: { audio_tokens: 80 },
    },
  }
  const gemini = tell('openai-chat', 'gemini', fromChat)
  const counted = '"promptTokensDetails":[{"modality":"AUDIO","tokenCount":80}]'
  expect([gemini.whole, gemini.streamed]).toEqual(Array(2).fill(expect.stringContaining(counted)))
})

test.each(CLIENTS)('a picture that is stored elsewhere breaks no answer to %s, and is told as lost', (to) => {
  const finish: Finish = { unified: 'stop', raw: 'stop' }
  const source = { from: 'file', fileId: 'file_1', protocol: 'openai-chat' } as const
  const answer = { ...CODECS.gemini.decodeResponse({}, decodingOf()), finish }
  const { losses } = write(
    { ...answer, items: [{ turn: 0, kind: 'media', role: 'assistant', media: 'image', source }] },
    to,
  )
  expect(losses).toEqual(['media'])
})
