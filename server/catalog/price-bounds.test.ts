// What is held for a call is never less than what it is found to cost, whatever of what it allows for comes to pass;
// and tiers and sound cost what the vendors say.
import { waitForUpdate } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../kernel/clock.ts'
import { UNKNOWN_USAGE, type Usage } from '../protocols/canonical.ts'
import type { MostUsage } from './price-sums.ts'
import { createPrices } from './prices.ts'
import { contextWindowOf, largestPicture, LARGEST_WINDOW } from './prompt-sizes.ts'

const prices = createPrices({ clock: systemClock })
const MOST: MostUsage = {
  input: 0,
  output: 0,
  searches: 0,
  cacheWrites: 'unasked',
  bringsMedia: false,
  speaks: false,
  tiers: [],
}

test('of every model of the list, nothing within the bounds costs more than the bound', async () => {
  const listed = ((await waitForUpdate()) ?? []).flatMap(({ id, models }) =>
    models.map((model) => [id, model.id] as const),
  )
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const bounds = fc.record({
    input: fc.nat({ max: 1_200_000 }),
    output: fc.nat({ max: 130_000 }),
    searches: fc.nat({ max: 10 }),
    cacheWrites: fc.constantFrom('unasked', 'short', 'hour'),
    bringsMedia: fc.boolean(),
    speaks: fc.boolean(),
    tiers: fc.subarray(['priority', 'fast', 'geo-us', 'flex', 'unheard-of']),
  } satisfies Record<keyof MostUsage, unknown>)
  let compared = 0
  fc.assert(
    fc.property(bounds, share, share, share, share, (most, ofInput, ofWrites, ofHour, ofOutput) => {
      const input = Math.floor(most.input * ofInput)
      const output = Math.floor(most.output * ofOutput)
      const written = Math.floor(input * ofWrites)
      for (const [provider, model] of listed) {
        const writes = most.cacheWrites !== 'unasked' || !model.includes('claude') ? written : 0
        const usage: Usage = {
          ...UNKNOWN_USAGE,
          input,
          output,
          reasoning: Math.floor(output * ofHour),
          cacheRead: Math.floor((input - writes) * ofHour),
          cacheWrite: writes,
          cacheWrite1h: most.cacheWrites === 'hour' ? Math.floor(writes * ofHour) : 0,
          searches: most.searches,
          tiers: most.tiers,
          beyondText: {
            outputImage: output,
            ...(most.bringsMedia && { inputAudio: input, inputImage: input }),
            ...(most.speaks && { outputAudio: output }),
          },
        }
        const bound = prices.priceMost({ provider, model, most })
        if (bound === null) continue
        compared++
        expect(prices.priceUsage({ provider, model, usage }).usdNanos, `${provider}/${model}`).toBeLessThanOrEqual(
          bound,
        )
      }
    }),
    { numRuns: 20 },
  )
  expect(compared).toBeGreaterThan(15_000)
})

test('what nobody knows a price of has no bound', () => {
  const most = { ...MOST, input: 1, output: 1 }
  expect(prices.priceMost({ provider: 'openai', model: 'gpt-nobody-knows', most })).toBe(null)
  expect(prices.priceMost({ provider: 'openai', model: 'text-embedding-3-small', most })).toBe(null)
})

test('a tier costs by its factor, as an estimate', () => {
  const usage = { ...UNKNOWN_USAGE, input: 1_000, output: 0 }
  const costOf = (model: string, provider: string, ...tiers: string[]) => {
    const { usdNanos, source } = prices.priceUsage({ provider, model, usage: { ...usage, tiers } })
    return [usdNanos, source]
  }
  expect(costOf('gpt-4o', 'openai')).toEqual([2_500_000, 'computed'])
  expect(costOf('gpt-4o', 'openai', 'flex')).toEqual([1_250_000, 'estimated'])
  expect(costOf('gpt-4o', 'openai', 'priority')).toEqual([5_000_000, 'estimated'])
  expect(costOf('claude-opus-4-7', 'anthropic', 'priority')).toEqual([5_000_000, 'estimated'])
  expect(costOf('claude-opus-4-7', 'anthropic', 'fast')).toEqual([30_000_000, 'estimated'])
  expect(costOf('claude-opus-4-7', 'anthropic', 'fast', 'geo-us')).toEqual([33_000_000, 'estimated'])
  expect(costOf('gpt-4o', 'openai', 'unheard-of')).toEqual([2_500_000, 'estimated'])
})

test('tokens that are no text cost their own price', () => {
  const usage = { ...UNKNOWN_USAGE, input: 100, output: 100 }
  const sound = { ...usage, beyondText: { inputAudio: 60, outputAudio: 90 } }
  // 40×2.5 + 60×32 + 10×10 + 90×64
  expect(prices.priceUsage({ provider: 'openai', model: 'gpt-audio', usage: sound }).usdNanos).toBe(7_880_000)
  const picture = { ...usage, beyondText: { outputImage: 80 } }
  // 100×0.3 + 20×2.5 + 80×30
  expect(prices.priceUsage({ provider: 'google', model: 'gemini-2.5-flash-image', usage: picture }).usdNanos).toBe(
    2_480_000,
  )
})

test('a window that nobody told is the largest; a picture of a model that nobody knows is bounded by it alone', () => {
  expect(contextWindowOf('gpt-nobody-knows', null)).toBe(LARGEST_WINDOW)
  expect(contextWindowOf('gpt-nobody-knows', 8_000)).toBe(8_000)
  expect(contextWindowOf('gemini-3-pro-preview', null)).toBe(1_048_576)
  expect(largestPicture('openai/gpt-4o-mini')).toBeGreaterThanOrEqual(48_169)
  expect(largestPicture('llava')).toBe(null)
})
