// When limits end is told from the provider's clock, of each answer anew, though its date is read once a second.
import { type IncomingMessage, ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { PROTOCOLS } from '../protocols/registry.ts'
import { setTranslatedHeaders } from './answer-headers.ts'
import type { Exchange } from './exchange.ts'

const CREATED_AT = Date.parse('2026-11-22T12:00:00Z')

/** In an answer of that date; what a client of Messages is told of a limit that ends a minute later. */
function tellReset(date: string | undefined): unknown {
  const response = new ServerResponse({ method: 'POST' } as IncomingMessage)
  const exchange = {
    response,
    protocol: PROTOCOLS['anthropic-messages'],
    upstreamDialect: 'openai-chat',
    admitted: null,
    createdAt: CREATED_AT,
  } as unknown as Exchange
  const headers = { 'x-ratelimit-remaining-requests': '9', 'x-ratelimit-reset-requests': '1m0s' }
  setTranslatedHeaders(exchange, date === undefined ? headers : { ...headers, date })
  return response.getHeader('anthropic-ratelimit-requests-reset')
}

test('each answer counts from its own date, and from our clock where it tells none that can be read', () => {
  expect(tellReset('Sun, 22 Nov 2026 10:00:00 GMT')).toBe('2026-11-22T10:01:00Z')
  expect(tellReset('Sun, 22 Nov 2026 10:00:00 GMT')).toBe('2026-11-22T10:01:00Z')
  expect(tellReset('Sun, 22 Nov 2026 10:00:01 GMT')).toBe('2026-11-22T10:01:01Z')
  expect(tellReset('yesterday')).toBe('2026-11-22T12:01:00Z')
  expect(tellReset(undefined)).toBe('2026-11-22T12:01:00Z')
  expect(tellReset('Sun, 22 Nov 2026 10:00:00 GMT')).toBe('2026-11-22T10:01:00Z')
})
