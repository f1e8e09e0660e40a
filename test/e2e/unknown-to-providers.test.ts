// What a server's 400 teaches about flags and fields it does not know, what an answer loses, and what strict clients
// get: through the whole gateway.
import { describe, expect, test } from 'vitest'
import { question, useHeaderGateway } from '../support/header-gateway.ts'
import type { UpstreamAnswer } from '../support/recording-upstream.ts'

const gateway = useHeaderGateway()
const BETAS = 'context-management-2025-06-27,odd-beta-2026-01-01,interleaved-thinking-2025-05-14'

const refusal = (message: string): UpstreamAnswer => ({
  status: 400,
  body: { type: 'error', error: { type: 'invalid_request_error', message } },
})
const betaRefusal = refusal('Unexpected value(s) `interleaved-thinking-2025-05-14` for the `anthropic-beta` header.')
const fieldRefusal = refusal('context_management: Extra inputs are not permitted')
const betasSent = (): (string | undefined)[] =>
  gateway.upstream.arrived.map(({ headers }) => headers.find(([name]) => name === 'anthropic-beta')?.[1])
const bodiesSent = (): string[] => gateway.upstream.arrived.map(({ body }) => body.toString())

describe('a server of Anthropic’s dialect that does not know', () => {
  const headers = { 'anthropic-version': '2023-06-01', 'anthropic-beta': BETAS }
  const more = { context_management: { edits: [] } }

  test('a beta flag is asked once more without it, and not told of it again', async () => {
    const first = await gateway.ask('messages', 'antlike/flags', { headers, answers: [betaRefusal] })
    const second = await gateway.ask('messages', 'antlike/flags', { headers })
    const known = 'context-management-2025-06-27'
    expect(betasSent()).toEqual([`${known},interleaved-thinking-2025-05-14`, known, known])
    expect([first, second].map((reply) => [reply.status, reply.headers.get('x-uniroute-attempts')])).toEqual([
      [200, '2'],
      [200, '1'],
    ])
    for (const reply of [first, second]) {
      expect(reply.headers.get('x-uniroute-warnings')).toBe('adjusted=anthropic_beta')
    }
    const other = await gateway.ask('messages', 'antlike/flags', { headers: { 'anthropic-version': '2023-06-01' } })
    expect(other.headers.get('x-uniroute-warnings')).toBeNull()
  })

  test('a field is asked once more without it, the rest as it was', async () => {
    const first = await gateway.ask('messages', 'antlike/fields', { headers, more, answers: [fieldRefusal] })
    const second = await gateway.ask('messages', 'antlike/fields', { headers, more })
    const plain = JSON.stringify(question('fields', { max_tokens: 500 }))
    const whole = JSON.stringify(question('fields', { max_tokens: 500, ...more }))
    expect(bodiesSent()).toEqual([whole, plain, plain])
    for (const reply of [first, second]) {
      expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, 'adjusted=context_management'])
    }
    const receipt = await gateway.app.readReceipt(gateway.caller.apiKey, second.headers.get('x-request-id')!)
    expect(receipt.warnings).toEqual(['adjusted=context_management'])
  })

  test('refuses it a second time where it still does, in its own words', async () => {
    const reply = await gateway.ask('messages', 'antlike/stubborn', {
      headers,
      more,
      answers: [fieldRefusal, fieldRefusal],
    })
    expect([reply.status, reply.body]).toEqual([400, fieldRefusal.body])
    expect(gateway.upstream.arrived).toHaveLength(2)
  })

  test('is asked by strict clients as they said it, and what it says is what they get', async () => {
    const strict = { ...headers, 'x-uniroute-strict': 'true' }
    const reply = await gateway.ask('messages', 'antlike/flags', { headers: strict, answers: [betaRefusal] })
    expect([reply.status, reply.body]).toEqual([400, betaRefusal.body])
    expect(betasSent()).toEqual(['context-management-2025-06-27,interleaved-thinking-2025-05-14'])
  })

  test('what cannot be left out refuses, once', async () => {
    const answers = [refusal('tool_choice: Extra inputs are not permitted')]
    const reply = await gateway.ask('messages', 'antlike/needed', { more: { tool_choice: { type: 'none' } }, answers })
    expect([reply.status, gateway.upstream.arrived.length]).toEqual([400, 1])
  })
})

test('Anthropic itself is never asked again with less', async () => {
  const headers = { 'anthropic-version': '2023-06-01', 'anthropic-beta': BETAS }
  for (const answer of [betaRefusal, fieldRefusal]) {
    const more = { context_management: { edits: [] } }
    const reply = await gateway.ask('messages', 'claude-sonnet-5', { headers, more, answers: [answer] })
    expect([reply.status, reply.body]).toEqual([400, answer.body])
  }
  expect(gateway.upstream.arrived).toHaveLength(2)
})

test('a field that a translated request should not have had is left out and learned', async () => {
  const answers = [refusal('metadata: Extra inputs are not permitted')]
  const first = await gateway.ask('chat', 'antlike/translated', { more: { user: 'somebody' }, answers })
  const second = await gateway.ask('chat', 'antlike/translated', { more: { user: 'somebody' } })
  expect(bodiesSent().map((body) => body.includes('metadata'))).toEqual([true, false, false])
  for (const reply of [first, second]) {
    expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, 'adjusted=metadata'])
  }
})

describe('what an answer loses', () => {
  const thinking = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [
      { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
      { type: 'text', text: 'hi' },
    ],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 20 },
  }

  test('is told in the header of a whole answer', async () => {
    const reply = await gateway.ask('own', 'claude-sonnet-5', { answers: [{ body: thinking }] })
    expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, 'dropped=thoughts'])
  })

  test('is a 400 for strict clients; the call has its cost all the same', async () => {
    const headers = { 'x-uniroute-strict': 'true' }
    const reply = await gateway.ask('own', 'claude-sonnet-5', { headers, answers: [{ body: thinking }] })
    expect([reply.status, reply.body.error]).toEqual([400, expect.stringMatching(/^Strict mode: .*thoughts/)])
    const receipt = await gateway.app.readReceipt(gateway.caller.apiKey, reply.headers.get('x-request-id')!)
    expect(receipt).toMatchObject({ status: 400, billed_to: 'user' })
    expect(receipt.cost.usd_micros).toBeGreaterThan(0)
  })
})

test('a field that no header may hold is told under a name of the table', async () => {
  const reply = await gateway.ask('chat', 'claude-sonnet-5', {
    more: { 'odd\r\nset-cookie: 1 😀': 1, service_tier: 'priority' },
  })
  expect([reply.status, reply.headers.get('x-uniroute-warnings')]).toEqual([200, 'dropped=other_fields;approx=tier'])
})
