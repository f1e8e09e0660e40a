// Which calls stand on our side of a comparison, on both databases.
import { expect, test } from 'vitest'
import { describeOnEachDatabase, type OpenDatabase } from '../../../test/support/databases.ts'
import type { AttemptTable } from '../../database/schema.ts'
import { createUlid, createUuid } from '../../kernel/ids.ts'
import { sumPaidCalls } from './reconcile-store.ts'

const FROM = Date.UTC(2026, 9, 20)
const DAY = 86_400_000
const [LENDER, BORROWER] = [createUuid(), createUuid()]
const KEY = createUlid(FROM)

const call = (fields: Partial<AttemptTable>): AttemptTable => ({
  request_id: createUlid(FROM),
  attempt: 1,
  created_at: FROM,
  user_id: LENDER,
  team_id: null,
  api_key_id: null,
  lease_id: null,
  raw_usage: null,
  provider: 'openai',
  model: 'gpt-4o',
  dialect: 'openai-chat',
  provider_key_id: KEY,
  billed_to: 'user',
  status: 200,
  outcome: 'done',
  reason: null,
  upstream_request_id: null,
  input_tokens: 10,
  cache_read_tokens: 4,
  cache_write_tokens: null,
  cache_write_1h_tokens: null,
  output_tokens: 2,
  reasoning_tokens: null,
  searches: null,
  cost_usd_nanos: 1500,
  cost_source: 'computed',
  price_version: null,
  first_byte_ms: null,
  duration_ms: 1,
  ...fields,
})

async function begin(open: OpenDatabase, rows: AttemptTable[]) {
  const database = await open()
  const people = [LENDER, BORROWER].map((id) => ({
    id,
    email: `${id}@example.test`,
    name: 'x',
    password_hash: null,
    role: 'user' as const,
    is_active: true,
    fallback: '"allow"',
    auth_gen: 1,
    last_login_at: null,
    created_at: FROM,
    updated_at: FROM,
  }))
  const key = {
    id: KEY,
    user_id: LENDER,
    provider: 'openai',
    api_key_encrypted: 'ur1.',
    kid: 'k',
    key_version: 1,
    version: 1,
    is_active: true,
    label: '',
    position: 1,
    prefix: 'sk-',
    last4: 'abcd',
    fingerprint: 'f',
    status: 'active',
    fallback: '"allow"',
    created_at: FROM,
    updated_at: FROM,
  }
  await database.insertMany([
    { table: 'users', rows: people },
    { table: 'user_provider_keys', rows: [key] },
    { table: 'attempts', rows },
  ])
  const ask = (paidBy: { server: true } | { userId: string }, days = 2) =>
    sumPaidCalls(database, { provider: 'openai', paidBy, from: FROM, to: FROM + days * DAY })
  return { ask }
}

describeOnEachDatabase('our side of a comparison', (open) => {
  test('has the calls of the range by day of UTC and model, added up', async () => {
    const { ask } = await begin(open, [
      call({ created_at: FROM - 1 }),
      call({}),
      call({ created_at: FROM + DAY - 1, cost_usd_nanos: null, cache_read_tokens: null }),
      call({ created_at: FROM + DAY, model: 'gpt-5' }),
      call({ created_at: FROM + 2 * DAY }),
      call({ provider: 'anthropic' }),
    ])
    const sums = await ask({ userId: LENDER })
    expect(sums.sort((a, b) => (a.day < b.day ? -1 : 1))).toEqual([
      {
        day: '2026-10-20',
        model: 'gpt-4o',
        requests: 2,
        inputTokens: 20,
        cacheReadTokens: 4,
        cacheWriteTokens: 0,
        outputTokens: 4,
        costNanos: 1500,
        unknownCosts: 1,
      },
      expect.objectContaining({ day: '2026-10-21', model: 'gpt-5', requests: 1 }),
    ])
  })

  test('has no calls that the provider refused, but those that broke off and were counted', async () => {
    const { ask } = await begin(open, [
      call({ status: 401, input_tokens: null }),
      call({ status: 429, input_tokens: null }),
      call({ status: null, input_tokens: null }),
      call({ status: null, input_tokens: 7 }),
    ])
    expect(await ask({ userId: LENDER })).toMatchObject([{ requests: 1, inputTokens: 7 }])
  })

  test('belongs to whose key paid: lent keys to their owner, deleted ones to who used them, the server’s to nobody', async () => {
    const { ask } = await begin(open, [
      call({ user_id: BORROWER, billed_to: 'team', input_tokens: 1 }),
      call({ provider_key_id: createUlid(FROM), input_tokens: 20 }),
      call({ billed_to: 'server', provider_key_id: null, input_tokens: 300 }),
      call({ user_id: BORROWER, provider_key_id: createUlid(FROM), input_tokens: 4000 }),
    ])
    expect(await ask({ userId: LENDER })).toMatchObject([{ requests: 2, inputTokens: 21 }])
    expect(await ask({ userId: BORROWER })).toMatchObject([{ requests: 1, inputTokens: 4000 }])
    expect(await ask({ server: true })).toMatchObject([{ requests: 1, inputTokens: 300 }])
  })
})
