import { expect, test } from 'vitest'
import { openai } from '../providers/openai.ts'
import type { Exchange, Target } from './exchange.ts'
import { buildUpstreamHeaders } from './upstream-request.ts'

const provider = { ...openai, origin: 'https://vendor.invalid', basePath: '' }

function sentFor(userId: string, payer: Target['payer']): string | undefined {
  const exchange = {
    match: { headers: { 'idempotency-key': 'retry-1' } },
    caller: { principal: { userId } },
    streamed: false,
  } as unknown as Exchange
  const headers = buildUpstreamHeaders(exchange, { provider, payer } as Target, null)
  return headers[headers.indexOf('idempotency-key') + 1]
}

test('two users of one account never repeat each other: what each calls a request is its own', () => {
  expect(sentFor('one', 'user')).toBe('retry-1')
  for (const payer of ['server', 'team'] as const) {
    const [one, again, other] = [sentFor('one', payer), sentFor('one', payer), sentFor('other', payer)]
    expect(one).toMatch(/^[0-9a-f]{64}$/)
    expect(again).toBe(one)
    expect(other).not.toBe(one)
  }
})
