// When nothing remains, what the client is told: a temporary state wins over a lasting one, within one row the last key
// tried is named, and no answer of a provider about a key becomes the client's own 401.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProviderKeyRecord } from '../features/provider-keys/record.ts'
import type { KeyFate, Obstacle } from './chain.ts'
import { PROTOCOLS } from '../protocols/registry.ts'
import type { Exchange } from './exchange.ts'
import { explainMalformed, explainRefusal, explainVerdict, outageOf, type OutageFacts } from './refusal.ts'

const EXCHANGE = {
  provider: { name: 'OpenAI' },
  model: 'gpt-4o',
  protocol: PROTOCOLS['openai-chat'],
} as unknown as Exchange
const record = (label: string, last4 = 'wxyz'): ProviderKeyRecord =>
  ({ label, last4 }) as Partial<ProviderKeyRecord> as ProviderKeyRecord
const own = (fate: KeyFate, label = 'laptop'): Obstacle => ({ payer: 'user', record: record(label), fate })
const server = (fate: KeyFate): Obstacle => ({ payer: 'server', record: null, fate })

const explain = (obstacles: readonly Obstacle[], outage: Partial<OutageFacts> | null = null, cooldown = 12) =>
  explainRefusal(EXCHANGE, {
    obstacles,
    outage: outage === null ? null : { why: 'failed', retryAfterSeconds: null, repeated: false, ...outage },
    cooldownSeconds: obstacles.some(({ fate }) => fate === 'rate_limited') ? cooldown : null,
  })

/** In the order of the rules, the strongest first. */
const ROWS = [
  ['rate_limited', 429, 'rate_limit_exceeded'],
  ['outage', 503, 'upstream_error'],
  ['exhausted', 402, 'provider_quota_exhausted'],
  ['capped', 402, 'own_cap_reached'],
  ['restricted', 403, 'model_not_enabled'],
  ['invalid', 424, 'provider_key_invalid'],
  ['unusable', 403, 'no_usable_key'],
] as const

test.each(ROWS)('%s is %i %s', (fate, status, code) => {
  expect(explain([own(fate)])).toMatchObject({ status, code })
})

test('nothing at all is no_usable_key', () => {
  expect(explain([])).toMatchObject({ status: 403, code: 'no_usable_key' })
})

test('of several obstacles the strongest row speaks, in whatever order they were met', () => {
  const fates = ROWS.map(([fate]) => fate)
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...fates), { minLength: 1 }), (met) => {
      const strongest = fates.find((fate) => met.includes(fate))!
      expect(explain(met.map((fate) => own(fate))).code).toBe(ROWS.find(([fate]) => fate === strongest)![2])
    }),
  )
})

describe('names', () => {
  test('the last key of that row, by its label and last four characters', () => {
    const error = explain([own('invalid', 'first'), own('invalid', 'second'), own('unusable', 'third')])
    expect(error.publicMessage).toContain('"second" (ends wxyz)')
    expect(error.publicMessage).not.toMatch(/first|third/)
  })

  test('a key too short to show any of it by its label only', () => {
    const obstacle: Obstacle = { payer: 'user', record: record('home', ''), fate: 'invalid' }
    expect(explain([obstacle]).publicMessage).toContain('your key "home",')
  })

  test('the server’s key as such', () => {
    expect(explain([own('rate_limited'), server('rate_limited')]).publicMessage).toContain("the server's key")
  })

  test('every message begins with the provider or speaks to the user, and ends as a sentence', () => {
    for (const [fate] of ROWS) expect(explain([own(fate)]).publicMessage).toMatch(/^(?:OpenAI|You|The) .*\.$/)
  })
})

describe('waiting', () => {
  test('a rate limit tells its earliest end', () => {
    expect(explain([own('rate_limited')], null, 30)).toMatchObject({ retryAfter: 30 })
  })

  test.each<[Partial<OutageFacts>, object]>([
    [{ why: 'failed' }, { code: 'upstream_error', status: 503, retryAfter: 10, retryable: true }],
    [
      { why: 'failed', retryAfterSeconds: 3 },
      { code: 'upstream_error', retryAfter: 3 },
    ],
    [
      { why: 'failed', repeated: true },
      { code: 'upstream_error', retryable: false },
    ],
    [
      { why: 'connect', repeated: true },
      { code: 'upstream_error', retryAfter: 10, retryable: false },
    ],
    [
      { why: 'breaker', retryAfterSeconds: 7 },
      { code: 'upstream_error', retryAfter: 7, retryable: true },
    ],
    [{ why: 'timeout' }, { code: 'timeout', status: 504, retryAfter: undefined, retryable: false }],
    [
      { why: 'overloaded', repeated: true },
      { code: 'overloaded', status: 503, retryAfter: 10, retryable: true },
    ],
    [
      { why: 'overloaded', retryAfterSeconds: 20 },
      { code: 'overloaded', retryAfter: 20 },
    ],
  ])('an outage %j is %j', (outage, expected) => {
    expect(explain([own('outage')], outage)).toMatchObject(expected)
  })
})

test.each([
  [{ kind: 'failed', why: 'timeout', sent: true } as const, null, 'timeout'],
  [{ kind: 'failed', why: 'connect', sent: false } as const, null, 'connect'],
  [{ kind: 'failed', why: 'reset', sent: true } as const, null, 'failed'],
  [
    { kind: 'refused', error: { signals: [], message: '', retryAfterMs: null }, body: null, words: null } as const,
    'failed',
    'failed',
  ],
  [
    { kind: 'refused', error: { signals: [], message: '', retryAfterMs: null }, body: null, words: null } as const,
    'overloaded',
    'overloaded',
  ],
] as const)('the end %j with verdict %j is an outage of kind %s', (end, verdict, why) => {
  expect(outageOf(end, { verdict, repeated: true, retryAfterSeconds: 4 })).toEqual({
    why,
    repeated: true,
    retryAfterSeconds: 4,
  })
})

describe('a refusal that is not relayed', () => {
  test('unknown model: 404, the name quoted and bounded', () => {
    const exchange = { ...EXCHANGE, model: 'x'.repeat(500) } as Exchange
    const error = explainVerdict(exchange, 'model_not_found', 404)
    expect(error).toMatchObject({ status: 404, code: 'model_not_found' })
    expect(error.publicMessage.length).toBeLessThan(250)
  })

  test('region or account: 403 from upstream', () => {
    expect(explainVerdict(EXCHANGE, 'forbidden', 403)).toMatchObject({
      status: 403,
      code: 'upstream_forbidden',
      origin: 'upstream',
    })
  })

  test.each([
    [400, 400],
    [413, 413],
    [422, 422],
    [200, 400],
    [null, 400],
  ])('request-shaped, upstream %j: %i', (status, shown) => {
    expect(explainVerdict(EXCHANGE, 'request', status)).toMatchObject({ status: shown, origin: 'upstream' })
  })

  test('unreadable: 502', () => {
    expect(explainMalformed(EXCHANGE)).toMatchObject({ status: 502, code: 'upstream_malformed', origin: 'upstream' })
  })
})

test('nothing that a provider says of a key is ever a 401', () => {
  for (const [fate] of ROWS) expect(explain([own(fate), server(fate)]).status).not.toBe(401)
})
