// A conversation's turns on their way to Anthropic: nothing empty, and cache breakpoints where they stood.
import { expect, test } from 'vitest'
import { useRegressionGateway } from '../../support/regression-gateway.ts'
import type { Json } from '../../support/uniroute-client.ts'
import { chatCall, chatTools, messagesTools, parameters, toolUse } from './tools-of-dialects.ts'

const gateway = useRegressionGateway()

const cache_control = { type: 'ephemeral' }
const MODEL = 'claude-sonnet-5'

test('10. an assistant turn of empty text and calls reaches Anthropic as tool_use alone (hermes-agent#11906)', async () => {
  const messages = [
    { role: 'user', content: 'What is it like in Paris?' },
    { role: 'assistant', content: '', tool_calls: [chatCall('call_1')] },
    { role: 'tool', tool_call_id: 'call_1', content: '21 °C' },
  ]
  const reply = await gateway.ask('chat', { model: MODEL, messages, tools: chatTools })
  expect(reply.status).toBe(200)
  expect(gateway.lastBody().messages[1]).toEqual({ role: 'assistant', content: [toolUse('call_1')] })
})

test.each(['chat', 'messages'] as const)(
  '11. cache_control on system, text and tool of a client of %s stands in the body that Anthropic gets (envoy-ai-gateway#2528, bifrost#3942)',
  async (client) => {
    const said = [{ type: 'text', text: 'A long text.', cache_control }]
    const body =
      client === 'chat'
        ? {
            messages: [
              { role: 'system', content: [{ type: 'text', text: 'Be kind.', cache_control }] },
              { role: 'user', content: said },
            ],
            tools: [{ ...chatTools[0], cache_control }],
          }
        : {
            max_tokens: 900,
            system: [{ type: 'text', text: 'Be kind.', cache_control }],
            messages: [{ role: 'user', content: said }],
            tools: [{ ...messagesTools[0], cache_control }],
          }
    const reply = await gateway.ask(client, { model: MODEL, ...body })
    expect(reply.status).toBe(200)
    expect(gateway.lastBody()).toMatchObject({
      system: [{ type: 'text', text: 'Be kind.', cache_control }],
      messages: [{ role: 'user', content: said }],
      tools: [{ name: 'get_weather', input_schema: parameters, cache_control }],
    })
  },
)

const marked: [string, Json][] = [
  ['the message', { content: '21 °C', cache_control }],
  ['its text', { content: [{ type: 'text', text: '21 °C', cache_control }] }],
]
test.each(marked)(
  '12. cache_control on a Chat tool message, at %s, stands on the tool_result and not inside it (envoy-ai-gateway#2358)',
  async (_where, result) => {
    const messages = [
      { role: 'user', content: 'What is it like in Paris?' },
      { role: 'assistant', content: null, tool_calls: [chatCall('call_1')] },
      { role: 'tool', tool_call_id: 'call_1', ...result },
    ]
    const reply = await gateway.ask('chat', { model: MODEL, messages, tools: chatTools })
    expect(reply.status).toBe(200)
    const [block] = gateway.lastBody().messages[2].content
    expect(block).toMatchObject({ type: 'tool_result', tool_use_id: 'call_1', cache_control })
    expect(JSON.stringify(block.content)).toContain('21 °C')
    expect(JSON.stringify(block.content)).not.toContain('cache_control')
  },
)
