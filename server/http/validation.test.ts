// What a client is told of a wrong field, with the schemas the API really has.
import { expect, test } from 'vitest'
import { createApiKeyBodySchema } from '../../contract/api-keys.ts'
import { editProviderKeyBodySchema } from '../../contract/provider-keys.ts'
import type { GatewayError } from '../kernel/errors.ts'
import { validate } from './validation.ts'

function complaint(schema: Parameters<typeof validate>[0], input: unknown): string {
  try {
    validate(schema, input)
  } catch (error) {
    return (error as GatewayError).publicMessage
  }
  return expect.fail('this must not be accepted')
}

test('an unknown field is told the names of its own level only', () => {
  const deep = complaint(createApiKeyBodySchema, { name: 'x', budget: { usd: 1, period: 'day', canary: 1 } })
  expect(deep).toBe('budget: Holds a field that is not known here. Known fields: period, usd.')
  const top = complaint(editProviderKeyBodySchema, { canary: 1 })
  expect(top).toContain('cap, expires_at, fallback, is_active, label, position, version')
  expect(top).not.toMatch(/\b(usd|period)\b/)
})

test('a wrong fallback is told what fallback takes, also where it has a word of ours', () => {
  const takes = 'fallback takes "allow", "never" or a list of no_key, invalid, outage, rate_limited, exhausted.'
  for (const fallback of ['gold', 'outage', ['gold'], 3, null]) {
    expect(complaint(createApiKeyBodySchema, { name: 'x', fallback })).toBe(takes)
  }
})

test('an empty text is told that it must not be empty', () => {
  expect(complaint(createApiKeyBodySchema, { name: ' ' })).toBe('name must not be empty.')
})

test('a moment may have an offset, but not be without one', () => {
  for (const expires_at of ['2026-12-31T12:00:00Z', '2026-12-31T12:00:00.5+05:30']) {
    expect(validate(createApiKeyBodySchema, { name: 'x', expires_at })).toMatchObject({ expires_at })
    expect(validate(editProviderKeyBodySchema, { expires_at })).toEqual({ expires_at })
  }
  expect(complaint(createApiKeyBodySchema, { name: 'x', expires_at: '2026-12-31T12:00:00' })).toContain('+01:00')
})
