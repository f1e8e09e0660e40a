// Streams between dialects: which block or call a delta belongs to, in what order blocks open, and that each is closed.
import { expect, test } from 'vitest'
import { useRegressionGateway } from '../../support/regression-gateway.ts'
import {
  anthropicStream,
  callBlock,
  callChunk,
  candidate,
  chatStream,
  chunk,
  completion,
  functionCall,
  geminiCall,
  geminiStream,
  jsonAnswer,
  messageEnd,
  messageStart,
  response,
  responsesStream,
  responseStart,
  usageChunk,
} from '../../support/scripted-answers.ts'
import { readAnthropic, readChat, readResponses } from '../../support/strict-readers.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { chatTools, messagesTools, NAMES, responsesTools } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const question = [{ role: 'user', content: 'What is it like in Paris?' }]

const askChat = (model: string): Promise<{ text: string }> =>
  gateway.ask('chat', {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: question,
    tools: chatTools,
  })
const askMessages = (model: string): Promise<{ text: string }> =>
  gateway.ask('messages', { model, stream: true, max_tokens: 900, messages: question, tools: messagesTools })

test('1. two Anthropic tool calls streamed become Chat indexes 0 and 1 (bifrost#1961, litellm#5231)', async () => {
  gateway.answerWith(
    anthropicStream([
      messageStart(),
      ...callBlock(0, 'toolu_a', 'get_weather', '{"city":', '"Paris"}'),
      ...callBlock(1, 'toolu_b', 'get_time', '{"city":"Lima"}'),
      ...messageEnd('tool_use'),
    ]),
  )
  const { text } = await askChat('claude-sonnet-5')
  const { calls, finish } = readChat(text)
  expect(calls).toEqual([
    { id: 'toolu_a', name: 'get_weather', arguments: '{"city":"Paris"}' },
    { id: 'toolu_b', name: 'get_time', arguments: '{"city":"Lima"}' },
  ])
  expect(finish).toBe('tool_calls')
})

test('2. Gemini calls in chunks of their own get Chat indexes that keep rising (litellm#16188)', async () => {
  gateway.answerWith(
    geminiStream([
      candidate([geminiCall('get_weather', { city: 'Paris' }, { thoughtSignature: 'U0lH' })]),
      candidate([geminiCall('get_time', { city: 'Lima' })]),
      candidate([geminiCall('get_time', { city: 'Oslo' })], 'STOP'),
    ]),
  )
  const { text } = await askChat('gemini-3-pro-preview')
  const { calls, finish } = readChat(text)
  expect(calls.map(({ name, arguments: args }) => [name, JSON.parse(args)])).toEqual([
    ['get_weather', { city: 'Paris' }],
    ['get_time', { city: 'Lima' }],
    ['get_time', { city: 'Oslo' }],
  ])
  expect(new Set(calls.map(({ id }) => id)).size).toBe(3)
  expect(finish).toBe('tool_calls')
})

const ARGS = ['{"city":"Paris"}', '{"city":"Lima"}', '{"city":"Oslo"}']
const parallel = ARGS.map((args, at) => functionCall(`call_${at}`, NAMES[at]!, args))
const mixed = responsesStream([
  ...responseStart(),
  ...parallel.map((item, at) => ({
    type: 'response.output_item.added',
    output_index: at + 4,
    item: { ...item, arguments: '', status: 'in_progress' },
  })),
  ...[0, 1].flatMap((half) =>
    parallel.map((item, at) => ({
      type: 'response.function_call_arguments.delta',
      output_index: at + 4,
      item_id: item.id,
      delta: half === 0 ? item.arguments.slice(0, 6) : item.arguments.slice(6),
    })),
  ),
  ...parallel.flatMap((item, at) => [
    {
      type: 'response.function_call_arguments.done',
      output_index: at + 4,
      item_id: item.id,
      arguments: item.arguments,
    },
    { type: 'response.output_item.done', output_index: at + 4, item },
  ]),
  { type: 'response.completed', response: response(parallel) },
])

test('3. parallel Responses calls are three separate, parsable Chat calls (litellm#21331, plexus#691)', async () => {
  const refusal = { message: 'Function tools with reasoning_effort are not supported', type: 'invalid_request_error' }
  gateway.answerWith(jsonAnswer({ error: refusal }, 400), mixed)
  const { text } = await askChat('gpt-5.4')
  expect(readChat(text).calls).toEqual(ARGS.map((args, at) => ({ id: `call_${at}`, name: NAMES[at], arguments: args })))
})

test('3. parallel Responses calls are three separate Anthropic blocks (litellm#21331, plexus#691)', async () => {
  gateway.answerWith(mixed)
  const { text } = await askMessages('gpt-5.4')
  const { content, stop } = readAnthropic(text)
  expect(content).toEqual(
    ARGS.map((args, at) => ({ type: 'tool_use', id: `call_${at}`, name: NAMES[at], input: JSON.parse(args) })),
  )
  expect(stop.stop_reason).toBe('tool_use')
})

test('4. Chat deltas 0, 1, 0, 1 become sequential Anthropic blocks with unmixed arguments (praxis-proxy/ai#266)', async () => {
  const call = (index: number, fields: Json): Json => callChunk({ index, ...fields })
  gateway.answerWith(
    chatStream([
      call(0, { id: 'a', type: 'function', function: { name: 'get_weather', arguments: '' } }),
      call(1, { id: 'b', type: 'function', function: { name: 'get_time', arguments: '' } }),
      call(0, { function: { arguments: '{"city":' } }),
      call(1, { function: { arguments: '{"city":"Li' } }),
      call(0, { function: { arguments: '"Paris"}' } }),
      call(1, { function: { arguments: 'ma"}' } }),
      chunk({}, 'tool_calls'),
      usageChunk(),
    ]),
  )
  const { text } = await askMessages('conservative-like/llama-3.3-70b')
  expect(readAnthropic(text).content).toEqual([
    { type: 'tool_use', id: 'a', name: 'get_weather', input: { city: 'Paris' } },
    { type: 'tool_use', id: 'b', name: 'get_time', input: { city: 'Lima' } },
  ])
})

const wholeCall = (fields: Json, id: string, name: string, args: string): Json =>
  callChunk({ ...fields, id, type: 'function', function: { name, arguments: args } })
const CALLS_WITHOUT_INDEX: [string, Json[]][] = [
  [
    'repeats',
    [
      wholeCall({ index: 0 }, 'a', 'get_weather', '{"city":"Paris"}'),
      wholeCall({ index: 0 }, 'b', 'get_time', '{"city":"Lima"}'),
    ],
  ],
  ['omits', [wholeCall({}, 'a', 'get_weather', '{"city":"Paris"}'), wholeCall({}, 'b', 'get_time', '{"city":"Lima"}')]],
]
test.each(CALLS_WITHOUT_INDEX)(
  '5. a server that %s the index of its calls gets them told apart by id (ollama#15457, LibreChat-agents#260)',
  async (_what, calls) => {
    gateway.answerWith(chatStream([...calls, chunk({}, 'tool_calls'), usageChunk()]))
    const { text } = await gateway.ask('responses', {
      model: 'ollama-like/qwen3',
      stream: true,
      store: false,
      input: 'What is it like in Paris?',
      tools: responsesTools,
    })
    expect(readResponses(text).output.map(({ call_id, name, arguments: args }) => [call_id, name, args])).toEqual([
      ['a', 'get_weather', '{"city":"Paris"}'],
      ['b', 'get_time', '{"city":"Lima"}'],
    ])
  },
)

test('5. calls of a server that gives no ids get ones that no other answer has (ollama#15457, LibreChat-agents#260)', async () => {
  const nameless = chatStream([
    callChunk({ index: 0, function: { name: 'get_weather', arguments: '{}' } }),
    chunk({}, 'tool_calls'),
    usageChunk(),
  ])
  const ids = new Set<string>()
  for (let round = 0; round < 2; round++) {
    gateway.answerWith(nameless)
    const { text } = await askMessages('ollama-like/qwen3')
    for (const { id } of readAnthropic(text).content) ids.add(id)
  }
  expect(ids.size).toBe(2)
  for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
})

test('6. text, thinking, text become Anthropic blocks 0, 1 and 2, each closed (ollama#17101)', async () => {
  gateway.answerWith(
    chatStream([
      chunk({ content: 'Well. ' }),
      chunk({ reasoning: 'Hm.' }),
      chunk({ content: 'Yes.' }),
      chunk({}, 'stop'),
      usageChunk(),
    ]),
  )
  const { text } = await askMessages('ollama-like/qwen3')
  const { content, stop } = readAnthropic(text)
  expect(content).toMatchObject([
    { type: 'text', text: 'Well. ' },
    { type: 'thinking', thinking: 'Hm.' },
    { type: 'text', text: 'Yes.' },
  ])
  expect(stop.stop_reason).toBe('end_turn')
})

test('7. thinking and then a call without text: block 0 is stopped and the call stands at 1 (ollama#14825)', async () => {
  gateway.answerWith(
    chatStream([
      chunk({ reasoning: 'I look.' }),
      callChunk({
        index: 0,
        id: 'a',
        type: 'function',
        function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
      }),
      chunk({}, 'tool_calls'),
      usageChunk(),
    ]),
  )
  const { text } = await askMessages('ollama-like/qwen3')
  expect(readAnthropic(text).content).toMatchObject([
    { type: 'thinking', thinking: 'I look.' },
    { type: 'tool_use', id: 'a', input: { city: 'Paris' } },
  ])
})

test('8. reason, call, reason opens a third block and sends no delta to a closed one (claude-code-router#1725)', async () => {
  gateway.answerWith(
    chatStream([
      chunk({ reasoning: 'First.' }),
      callChunk({
        index: 0,
        id: 'a',
        type: 'function',
        function: { name: 'get_weather', arguments: '{"city":"Paris"}' },
      }),
      chunk({ reasoning: 'Second.' }),
      chunk({}, 'tool_calls'),
      usageChunk(),
    ]),
  )
  const { text } = await askMessages('ollama-like/qwen3')
  expect(readAnthropic(text).content).toMatchObject([
    { type: 'thinking', thinking: 'First.' },
    { type: 'tool_use', id: 'a' },
    { type: 'thinking', thinking: 'Second.' },
  ])
})

const emptyText: [string, boolean, ReturnType<typeof chatStream>][] = [
  [
    'streamed',
    true,
    chatStream([
      chunk({ role: 'assistant', content: '' }),
      callChunk({ index: 0, id: 'a', type: 'function', function: { name: 'get_weather', arguments: '{}' } }),
      chunk({ content: '' }, 'tool_calls'),
      usageChunk(),
    ]),
  ],
  [
    'whole',
    false,
    jsonAnswer(
      completion(
        {
          content: '',
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'get_weather', arguments: '{}' } }],
        },
        'tool_calls',
      ),
    ),
  ],
]
test.each(emptyText)(
  '9. a turn of calls alone, %s, brings no empty Anthropic text block (claude-code#88536)',
  async (_how, stream, answer) => {
    gateway.answerWith(answer)
    const { text, body } = await gateway.ask('messages', {
      model: 'conservative-like/llama-3.3-70b',
      stream,
      max_tokens: 900,
      messages: question,
      tools: messagesTools,
    })
    const content: Json[] = stream ? readAnthropic(text).content : body.content
    expect(content).toEqual([{ type: 'tool_use', id: 'a', name: 'get_weather', input: {} }])
  },
)
