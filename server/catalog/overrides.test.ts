// Which override holds for a model, and what its price makes of a call.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EFFORT_WORDS, MODALITY_WORDS } from '../../contract/catalog.ts'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import { EFFORTS, UNKNOWN_USAGE } from '../protocols/canonical.ts'
import { findModalities, MODALITIES } from './modalities.ts'
import { createOverrides, type OverriddenPrice } from './overrides.ts'
import { createPrices } from './prices.ts'
import { anOverride } from './testing.ts'

const clock = createMovableClock()
const DOLLAR = 1_000_000_000
const PRICE: OverriddenPrice = {
  input: 2 * DOLLAR,
  output: 10 * DOLLAR,
  cacheRead: DOLLAR / 5,
  cacheWrite: 3 * DOLLAR,
  cacheWrite1h: null,
}

describe('the most particular override holds alone', () => {
  const overrides = createOverrides([
    anOverride({ provider: 'lab', model: '*', contextWindow: 1 }),
    anOverride({ provider: 'lab', model: 'llama-*', contextWindow: 2 }),
    anOverride({ provider: 'lab', model: 'llama-3', contextWindow: 3 }),
    anOverride({ provider: 'google', model: 'gemini-3', contextWindow: 4 }),
  ])
  test.each([
    ['lab', 'llama-3', 3],
    ['lab', 'llama-3.3', 2],
    ['lab', 'qwen', 1],
    ['google', 'models/gemini-3', 4],
    ['google', 'gemini-3.5', undefined],
    ['other', 'llama-3', undefined],
    ['constructor', 'llama-3', undefined],
  ])('%s/%s', (provider, model, contextWindow) => {
    expect(overrides.find(provider, model)?.contextWindow).toBe(contextWindow)
  })
})

describe('a price of an override', () => {
  const prices = createPrices({
    clock,
    overrides: createOverrides([
      anOverride({ price: PRICE, updatedAt: Date.UTC(2026, 10, 22) }),
      anOverride({ provider: 'lab', model: 'free', price: { ...PRICE, input: 0, output: 0, cacheRead: null } }),
      anOverride({ provider: 'lab', model: 'embed', price: { ...PRICE, output: null } }),
      anOverride({ model: 'gpt-4o-mini', contextWindow: 5 }),
    ]),
  })
  const price = (provider: string, model: string, usage: object) =>
    prices.priceUsage({ provider, model, usage: { ...UNKNOWN_USAGE, ...usage } })

  test('stands in the place of the list’s, class by class, and the version says so', () => {
    const usage = { input: 1000, cacheRead: 300, cacheWrite: 200, cacheWrite1h: 50, output: 100 }
    const nanosPerMillion = 500 * 2 + 300 * 0.2 + 150 * 3 + 50 * 3 + 100 * 10
    expect(price('openai', 'gpt-4o', usage)).toEqual({
      usdNanos: (nanosPerMillion * DOLLAR) / 1_000_000,
      source: 'computed',
      priceVersion: 'override:openai/gpt-4o@2026-11-22T00:00:00.000Z',
    })
  })

  test('may be nothing, which is known to be nothing', () => {
    expect(price('lab', 'free', { input: 7, output: 7 })).toMatchObject({ usdNanos: 0, source: 'computed' })
  })

  test('without one for output prices calls that give none out, and no others', () => {
    expect(price('lab', 'embed', { input: 1_000_000 }).usdNanos).toBe(2 * DOLLAR)
    expect(price('lab', 'embed', { input: 1, output: 1 }).source).toBe('unknown')
  })

  test('leaves other models, and overrides that set none, with the list’s', () => {
    for (const model of ['gpt-4o-mini', 'gpt-4.1']) {
      expect(price('openai', model, { input: 1, output: 1 }).priceVersion).toMatch(/^genai-prices@/)
    }
    expect(prices.showPrice('openai', 'gpt-4.1')).toMatchObject({ source: 'list' })
    expect(prices.showPrice('lab', 'nobody-knows')).toBeNull()
  })

  test('is shown as it was written', () => {
    expect(prices.showPrice('openai', 'gpt-4o')).toMatchObject({
      input: 2,
      output: 10,
      cacheRead: 0.2,
      cacheWrite: 3,
      cacheWrite1h: null,
      tiered: false,
      source: 'override',
    })
  })

  test('is exact for any count and any price to the nano-dollar', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.nat(1_000_000), fc.nat(10 ** 12), fc.nat(10 ** 12), (input, output, a, b) => {
        const one = createPrices({
          clock,
          overrides: createOverrides([
            anOverride({ price: { ...PRICE, input: a, output: b, cacheRead: null, cacheWrite: null } }),
          ]),
        })
        const usage = { ...UNKNOWN_USAGE, input, output }
        const exact = BigInt(input) * BigInt(a) + BigInt(output) * BigInt(b)
        const nanos = Number((exact + 500_000n) / 1_000_000n)
        expect(one.priceUsage({ provider: 'openai', model: 'gpt-4o', usage }).usdNanos).toBe(nanos)
      }),
    )
  })
})

test('administrators write the same words for effort and for what goes in and out as the code has', () => {
  expect(EFFORT_WORDS).toEqual(EFFORTS)
  expect(MODALITY_WORDS).toEqual(MODALITIES)
})

test.each([
  ['claude-opus-5', 'pdf'],
  ['gpt-5.6', 'image'],
  ['gemini-3.5-flash', 'video'],
  ['text-embedding-3-small', 'text'],
])('%s takes %s', (model, modality) => {
  expect(findModalities(model)?.input).toContain(modality)
})

test('what a name nobody knows takes is unknown', () => {
  expect(findModalities('our-own-7b')).toBeUndefined()
})
