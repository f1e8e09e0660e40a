// Tools and their results across dialects: pictures in results, order and number, schemas, freeform and namespaced
// tools.
import { expect, test } from 'vitest'
import { useRegressionGateway } from '../../support/regression-gateway.ts'
import { anthropicStream, callBlock, messageEnd, messageStart } from '../../support/scripted-answers.ts'
import { readResponses } from '../../support/strict-readers.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { messagesTools, NAMES, toolResult, toolUse } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const CLAUDE = 'claude-sonnet-5'
const question = { role: 'user', content: 'What is it like in Paris?' }
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** A conversation of Messages in which these calls were made and so answered. */
const answered = (calls: readonly Json[], results: readonly Json[]): Json => ({
  max_tokens: 900,
  messages: [question, { role: 'assistant', content: calls }, { role: 'user', content: results }],
  tools: messagesTools,
})
const pictured = toolResult('toolu_1', [
  { type: 'text', text: 'Look:' },
  { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
])

test('28. an image in a tool_result reaches a Chat server in a user message behind the result (litellm#23712, litellm#20403)', async () => {
  const body = answered([toolUse('toolu_1')], [pictured])
  const reply = await gateway.ask('messages', { model: 'conservative-like/llama-3.3-70b', ...body })
  expect(reply.status).toBe(200)
  const [, , result, shown] = gateway.lastBody().messages
  expect(result).toMatchObject({ role: 'tool', tool_call_id: 'toolu_1' })
  expect(JSON.stringify(result.content)).toContain('Look:')
  expect(shown.role).toBe('user')
  expect(shown.content).toContainEqual({ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } })
})

test.each([
  ['inside the function response, to Gemini 3', 'gemini-3-pro-preview'],
  ['beside it, to Gemini 2.5', 'gemini-2.5-flash'],
])('28. an image in a tool_result reaches Gemini: %s (litellm#23712, litellm#20403)', async (_where, model) => {
  const reply = await gateway.ask('messages', { model, ...answered([toolUse('toolu_1')], [pictured]) })
  expect(reply.status).toBe(200)
  const { parts, role } = gateway.lastBody().contents[2]
  const picture = { inlineData: { mimeType: 'image/png', data: PNG } }
  expect(role).toBe('user')
  expect(parts[0].functionResponse).toMatchObject({ name: 'get_weather', response: { output: 'Look:' } })
  expect(model === 'gemini-2.5-flash' ? parts.slice(1) : parts[0].functionResponse.parts).toEqual([picture])
})

test('29. results in reverse with one missing reach Gemini named, in the order of the calls, the gap an error (bifrost#1391, vscode#299295)', async () => {
  const calls = NAMES.map((name, at) => toolUse(`toolu_${at}`, name))
  const body = answered(calls, [toolResult('toolu_2', 'rates'), toolResult('toolu_0', 'weather')])
  const reply = await gateway.ask('messages', { model: 'gemini-2.5-flash', ...body })
  expect(reply.status).toBe(200)
  const responses = gateway.lastBody().contents[2].parts.map((part: Json) => part.functionResponse)
  expect(responses).toMatchObject([
    { name: 'get_weather', response: { output: 'weather' } },
    { name: 'get_time', response: { error: expect.any(String) } },
    { name: 'get_rates', response: { output: 'rates' } },
  ])
})

test('30. a schema with $schema, $ref, anyOf, const and uniqueItems is one that Gemini takes, and means the same (unity-gateway#491, hermes-agent#98928)', async () => {
  const reference = { $ref: '#/$defs/Tag' }
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $defs: { Tag: { type: 'string', const: 'a' } },
    type: 'object',
    properties: {
      tags: { type: 'array', items: reference, uniqueItems: true },
      either: { anyOf: [reference, { type: 'null' }] },
    },
    required: ['tags'],
    additionalProperties: false,
  }
  const tools = [{ name: 'get_weather', input_schema: schema }]
  const reply = await gateway.ask('messages', {
    model: 'gemini-2.5-flash',
    max_tokens: 900,
    messages: [question],
    tools,
  })
  expect(reply.status).toBe(200)
  expect(gateway.lastBody().tools[0].functionDeclarations).toEqual([
    {
      name: 'get_weather',
      parametersJsonSchema: {
        type: 'object',
        properties: {
          tags: { type: 'array', items: { type: 'string', enum: ['a'] }, uniqueItems: true },
          either: { anyOf: [{ type: 'string', enum: ['a'] }, { type: 'null' }] },
        },
        required: ['tags'],
        additionalProperties: false,
      },
    },
  ])
})

test('31. apply_patch as Codex declares it is called through Anthropic with its raw text (sub2api#3390, 9router#1371)', async () => {
  const patch = '*** Begin Patch\n*** Update File: "a".txt\n+é 🙂\n*** End Patch'
  const json = JSON.stringify({ input: patch })
  gateway.answerWith(
    anthropicStream([
      messageStart(),
      ...callBlock(0, 'toolu_1', 'apply_patch', json.slice(0, 17), json.slice(17, 60), json.slice(60)),
      ...messageEnd('tool_use'),
    ]),
  )
  const tools = [
    {
      type: 'custom',
      name: 'apply_patch',
      description: 'Edits files.',
      format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
    },
  ]
  const body = { model: CLAUDE, store: false, tools }
  const first = await gateway.ask('responses', { ...body, stream: true, input: [question] })
  const { output, events } = readResponses(first.text)
  expect(output).toMatchObject([{ type: 'custom_tool_call', name: 'apply_patch', input: patch }])
  const pieces = events.filter(({ type }) => type === 'response.custom_tool_call_input.delta')
  expect(pieces.map(({ delta }) => delta).join('')).toBe(patch)

  const result = { type: 'custom_tool_call_output', call_id: output[0].call_id, output: 'Done.' }
  const second = await gateway.ask('responses', { ...body, input: [question, ...output, result] })
  expect(second.status).toBe(200)
  expect(gateway.lastBody().messages.slice(1)).toMatchObject([
    { role: 'assistant', content: [toolUse('toolu_1', 'apply_patch', { input: patch })] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1' }] },
  ])
})

test('32. tools that stand only in the input of Codex reach Anthropic, and the call comes back with its namespace (sglang#35216)', async () => {
  const run = { type: 'function', name: 'run', description: 'Runs a command.', parameters: { type: 'object' } }
  const declared = {
    type: 'additional_tools',
    role: 'developer',
    tools: [{ type: 'namespace', name: 'shell', description: 'The machine.', tools: [run] }],
  }
  const ask = (): Promise<{ text: string; status: number }> =>
    gateway.ask('responses', { model: CLAUDE, stream: true, store: false, input: [declared, question] })
  await ask()
  const [tool] = gateway.lastBody().tools
  expect(tool).toMatchObject({ name: expect.stringMatching(/run$/), description: 'Runs a command.' })
  gateway.answerWith(
    anthropicStream([messageStart(), ...callBlock(0, 'toolu_1', tool.name, '{}'), ...messageEnd('tool_use')]),
  )
  const { text } = await ask()
  expect(readResponses(text).output).toMatchObject([
    { type: 'function_call', name: 'run', namespace: 'shell', arguments: '{}' },
  ])
})
