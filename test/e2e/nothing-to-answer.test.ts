// A conversation of empty texts alone holds nothing that a provider of another dialect could be asked: the client hears
// so, and nothing is sent.
import { expect, test } from 'vitest'
import { CLIENTS, useRegressionGateway, type Client } from '../support/regression-gateway.ts'
import type { Json } from '../support/uniroute-client.ts'

const gateway = useRegressionGateway()

const EMPTY: Readonly<Record<Client, Json>> = {
  chat: {
    messages: [
      { role: 'user', content: '' },
      { role: 'user', content: [{ type: 'text', text: '' }] },
    ],
  },
  responses: { store: false, input: [] },
  messages: { max_tokens: 900, messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] },
  gemini: { contents: [{ role: 'user', parts: [{ text: '' }] }] },
}
const MODELS: Readonly<Record<Client, string>> = {
  chat: 'vllm-like/qwen3',
  responses: 'gpt-5',
  messages: 'claude-sonnet-5',
  gemini: 'gemini-3.5-flash',
}

const pairs = CLIENTS.flatMap((client) =>
  CLIENTS.filter((to) => to !== client && !(client === 'chat' && to === 'responses')).map(
    (to) => [client, to] as const,
  ),
)

test.each(pairs)('from a client of %s towards %s', async (client, to) => {
  const reply = await gateway.ask(client, { model: MODELS[to], ...EMPTY[client] })
  expect([reply.status, reply.headers.get('x-uniroute-error-source')]).toEqual([400, 'gateway'])
  expect(reply.text).toContain('nothing to answer')
  expect(gateway.sent()).toEqual([])
})
