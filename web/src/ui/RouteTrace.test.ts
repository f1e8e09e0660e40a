// The trace says in words what its marks and colours say.
import { mount } from '@vue/test-utils'
import { describe, expect, test } from 'vitest'
import { defineComponent, h } from 'vue'
import { type TracedReceipt, useTrace } from '../composables/useTrace.ts'
import { i18n } from '../i18n.ts'
import RouteTrace from './RouteTrace.vue'

const KEY = `pk_${'0'.repeat(26)}`
const attempt = (more: object): TracedReceipt['attempts'][number] => ({
  provider: 'google',
  model: 'gemini-3-flash',
  provider_key_id: null,
  billed_to: 'server',
  status: 200,
  outcome: 'served',
  reason: null,
  first_byte_ms: 90,
  duration_ms: 1_840,
  ...more,
})
const receipt = (more: Partial<TracedReceipt>): TracedReceipt => ({
  model: 'gemini-3-flash',
  requested_model: 'gemini-3-flash',
  status: 200,
  attempts: [],
  usage: {
    input_tokens: 812,
    output_tokens: 240,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    cache_write_1h_tokens: 0,
    reasoning_tokens: 0,
    searches: null,
  },
  cost: { usd_micros: 2_100, source: 'computed', price_version: null },
  ...more,
})

function show(traced: TracedReceipt): string[] {
  const shown = defineComponent({
    setup() {
      const stops = useTrace().ofReceipt(traced, { keys: { [KEY]: 'Personal' } })
      return () => h(RouteTrace, { stops })
    },
  })
  const view = mount(shown, { global: { plugins: [i18n] } })
  return view.findAll('li').map((stop) => stop.text().replace(/\s+/g, ' '))
}

describe('a receipt', () => {
  test('a rejected key of one’s own, then the server’s', () => {
    const rejected = { billed_to: 'user', provider_key_id: KEY, status: 401, outcome: 'refused', duration_ms: 96 }
    expect(show(receipt({ attempts: [attempt(rejected), attempt({})] }))).toEqual([
      'PlaygroundYour session',
      'Your key, Personal401 after 96 ms',
      'Server key200 after 1.84 s$0.0021',
      'gemini-3-flash812 in, 240 out',
    ])
  })

  test('one call carries the cost of the whole; what is unknown is no zero', () => {
    expect(show(receipt({ attempts: [attempt({})] }))[1]).toBe('Server key200 after 1.84 s$0.0021')
    const unknown = { usd_micros: null, source: 'unknown', price_version: null } as const
    expect(show(receipt({ attempts: [attempt({})], cost: unknown }))[1]).toContain('Cost unknown')
  })

  test('what never answered and what failed whole is said so', () => {
    const [, call, end] = show(
      receipt({ status: 504, attempts: [attempt({ status: null, outcome: 'timeout', duration_ms: 15_000 })] }),
    )
    expect(call).toBe('Server keyNo answer in 15 s')
    expect(end).toBe('gemini-3-flashAnswered with 504')
  })
})
