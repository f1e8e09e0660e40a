// What wants attention, and what does not.
import { expect, test } from 'vitest'
import type { ApiKey } from '../../../../contract/api-keys.ts'
import type { ProviderKey } from '../../../../contract/provider-keys.ts'
import { findConcerns } from './attention.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const inDays = (days: number): string => new Date(NOW + days * 86_400_000).toISOString()
const provider = (fields: Partial<ProviderKey>): ProviderKey =>
  ({
    id: 'pk',
    label: 'Work',
    status: 'active',
    is_active: true,
    expires_at: null,
    cap: null,
    cap_use: null,
    ...fields,
  }) as ProviderKey
const api = (fields: Partial<ApiKey>): ApiKey =>
  ({ id: 'ak', name: 'bot', is_active: true, expires_at: null, budget: null, budget_use: null, ...fields }) as ApiKey
const spent = (usd: number): Partial<ApiKey> => ({
  budget: { usd: 10, period: 'month' },
  budget_use: { spent_usd_micros: usd * 1e6, resets_at: inDays(9) },
})
const capped = (usd: number): Partial<ProviderKey> => ({
  cap: { usd: 20, period: 'month' },
  cap_use: { spent_usd_micros: usd * 1e6, resets_at: inDays(9) },
})
const kinds = (providerKeys: ProviderKey[], apiKeys: ApiKey[]): string[] =>
  findConcerns(providerKeys, apiKeys, 'Unnamed', NOW).map(({ kind }) => kind)

test('keys that work, far from their end and their limit, are no concern', () => {
  expect(kinds([provider({}), provider({ expires_at: inDays(15) })], [api(spent(7.9)), api({})])).toEqual([])
})

test('what is broken comes first; then what ends soon or is nearly used up', () => {
  expect(
    kinds(
      [provider({ expires_at: inDays(3) }), provider({ status: 'invalid' }), provider({ status: 'capped' })],
      [api(spent(8)), api(spent(10)), api({ expires_at: inDays(13) })],
    ),
  ).toEqual(['rejected', 'expiring', 'capped', 'near_limit', 'spent', 'expiring'])
})

test('a key near its cap is told before calls pass it by, and expiry beside it; one that is off is not', () => {
  expect(kinds([provider(capped(15.9)), provider(capped(16))], [])).toEqual(['near_cap'])
  expect(kinds([provider({ ...capped(18), expires_at: inDays(3) })], [])).toEqual(['near_cap', 'expiring'])
  expect(kinds([provider({ ...capped(18), is_active: false, status: 'disabled' })], [])).toEqual([])
  expect(kinds([provider({ ...capped(20), status: 'capped' })], [])).toEqual(['capped'])
})

test('what is over or revoked is told elsewhere', () => {
  expect(kinds([provider({ expires_at: inDays(-1) })], [api({ ...spent(10), is_active: false })])).toEqual([])
})
