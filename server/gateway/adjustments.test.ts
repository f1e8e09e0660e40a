// What a 400 teaches holds for requests like the one that was refused, for that server and model, and for a day.
import { describe, expect, test } from 'vitest'
import { CONSERVATIVE_DIALECT, type ModelProfile } from '../protocols/profile.ts'
import type { ChatRequest } from '../protocols/canonical.ts'
import { createAdjustments, type Adjustments } from './adjustments.ts'
import type { Exchange, Target } from './exchange.ts'

const DAY_MS = 24 * 60 * 60_000
let now = 0
const clock = { now: () => now, monotonic: () => now }
const target = {
  provider: { origin: 'https://a.test', basePath: '', translateVia: 'anthropic-messages' },
  model: 'm',
} as unknown as Target
const profile = { thinking: 'adaptive', sampling: 'all', dialect: CONSERVATIVE_DIALECT } as unknown as ModelProfile
const exchangeOf = (): Exchange =>
  ({ adjusted: new Set(), match: { headers: {} } }) as Partial<Record<keyof Exchange, unknown>> as Exchange
const adjust = (adjustments: Adjustments, request: Partial<ChatRequest>, at = target): ModelProfile =>
  adjustments.adjustProfile(exchangeOf(), at, profile, request as ChatRequest)

function teach(message: string, request: Partial<ChatRequest>): Adjustments {
  const adjustments = createAdjustments({ clock })
  const exchange = exchangeOf()
  adjustments.adjustProfile(exchange, target, profile, request as ChatRequest)
  expect(adjustments.learn(exchange, target, { signals: [], message, retryAfterMs: null }, false)).toBe(true)
  return adjustments
}

const FORCED = 'Thinking may not be enabled when tool_choice forces tool use.'
const forced: Partial<ChatRequest> = { toolChoice: { mode: 'required' }, reasoning: { effort: 'high' } }

describe('thinking beside a forced call', () => {
  test('is switched off where a call is forced, in any way', () => {
    const adjustments = teach(FORCED, forced)
    expect(adjust(adjustments, forced).thinking).toBe('none')
    expect(adjust(adjustments, { toolChoice: { mode: 'named', name: 'f' } }).thinking).toBe('none')
    const oneOf = { mode: 'allowed', names: ['f'], required: true } as const
    expect(adjust(adjustments, { toolChoice: oneOf }).thinking).toBe('none')
  })

  test.each<[string, Partial<ChatRequest>]>([
    ['no choice is made', { reasoning: { effort: 'high' } }],
    ['the model chooses', { toolChoice: { mode: 'auto' } }],
    ['it may choose among some', { toolChoice: { mode: 'allowed', names: ['f'], required: false } }],
  ])('stays on where %s', (_when, request) => {
    expect(adjust(teach(FORCED, forced), request).thinking).toBe('adaptive')
  })

  test('stays on for other models and servers', () => {
    expect(adjust(teach(FORCED, forced), forced, { ...target, model: 'n' }).thinking).toBe('adaptive')
  })

  test('is found out anew after a day', () => {
    const adjustments = teach(FORCED, forced)
    now += DAY_MS - 1
    expect(adjust(adjustments, forced).thinking).toBe('none')
    now += 1
    expect(adjust(adjustments, forced).thinking).toBe('adaptive')
  })
})

test('a temperature that is refused while the model thinks stays where it does not', () => {
  const message = "Unsupported parameter: 'temperature' is not supported with this model."
  const adjustments = teach(message, { reasoning: { effort: 'high' } })
  expect(adjust(adjustments, { reasoning: { effort: 'low' } }).sampling).toBe('none')
  expect(adjust(adjustments, { reasoning: { effort: 'none' } }).sampling).toBe('all')
})

test('what is the model’s own way holds for every request', () => {
  const adjustments = teach("Unsupported parameter: 'max_tokens' is not supported with this model.", forced)
  expect(adjust(adjustments, {}).dialect.maxTokensField).toBe('max_completion_tokens')
})

test('a field that was left out is tried again after a day', () => {
  const adjustments = teach('odd_field: Extra inputs are not permitted', {})
  expect([...adjustments.refusedParts(exchangeOf(), target).fields]).toEqual(['odd_field'])
  now += DAY_MS
  expect([...adjustments.refusedParts(exchangeOf(), target).fields]).toEqual([])
})
