// A key's state is said whole: which models, until when, how much, since when, how long its test took.
import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { defineComponent } from 'vue'
import type { ProviderKey } from '../../../../contract/provider-keys.ts'
import { useFormat } from '../../composables/useFormat.ts'
import { usePreferences } from '../../composables/usePreferences.ts'
import { i18n, useText } from '../../i18n.ts'
import { explainKey } from './describeKey.ts'

const KEY: ProviderKey = {
  id: 'pk_1',
  provider: 'openai',
  base_url: null,
  label: 'Work',
  is_active: true,
  position: 1,
  prefix: 'sk-',
  last4: 'Q7xA',
  fingerprint: '0a1b2c3d',
  status: 'active',
  status_reason: null,
  held_models: [],
  held_models_more: 0,
  disabled_at: null,
  last_tested_at: null,
  last_test_ms: null,
  last_used_at: null,
  expires_at: null,
  fallback: 'allow',
  allowed_models: null,
  cap: null,
  cap_use: null,
  key_version: 1,
  version: 1,
  shared_with: [],
  created_at: '2026-11-01T08:00:00.000Z',
  updated_at: '2026-11-01T08:00:00.000Z',
}

function explain(fields: Partial<ProviderKey>): string {
  let says = ''
  const reader = defineComponent({
    setup() {
      says = explainKey({ ...KEY, ...fields }, 'OpenAI', useText(), useFormat())
      return () => null
    },
  })
  mount(reader, { global: { plugins: [i18n] } }).unmount()
  // Times stand behind a narrow space that nobody sees.
  return says.replaceAll(/\s/g, ' ')
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-22T08:00:00Z') })
  usePreferences().set({ timeZone: 'UTC' })
  return () => vi.useRealTimers()
})

describe('the sentence beside a key’s state', () => {
  test('a test: when it was, and how long it took', () => {
    const last_tested_at = '2026-11-22T07:56:00.000Z'
    expect(explain({ last_tested_at, last_test_ms: 212 })).toBe('Tested 4 minutes ago, 212 ms')
    expect(explain({ last_tested_at })).toBe('Tested 4 minutes ago')
  })

  test('models that wait, and until when; those that the account lacks; those that were not named', () => {
    const cooling = { model: 'gpt-x', status: 'cooling', until: '2026-11-22T09:20:00.000Z' } as const
    const restricted = { model: 'gpt-y', status: 'restricted', until: '2026-11-22T10:00:00.000Z' } as const
    expect(explain({ status: 'cooling', held_models: [cooling] })).toBe('gpt-x until 9:20 AM; other models work.')
    expect(explain({ status: 'restricted', held_models: [restricted], held_models_more: 3 })).toBe(
      'The key works, but this account can’t use gpt-y. So it is with 3 more models.',
    )
    expect(explain({ status: 'cooling', held_models: [cooling, restricted] })).toBe(
      'gpt-x until 9:20 AM; other models work. The key works, but this account can’t use gpt-y.',
    )
  })

  test('a cap: how much, and when it begins anew, in the time zone that was chosen', () => {
    const capped = {
      status: 'capped',
      cap: { usd: 20, period: 'month' },
      cap_use: { spent_usd_micros: 20_000_000, resets_at: '2026-12-01T00:00:00.000Z' },
    } as const
    expect(explain(capped)).toBe('Your own cap of $20.00 is used until December 1.')
    usePreferences().set({ timeZone: 'America/New_York' })
    expect(explain(capped)).toBe('Your own cap of $20.00 is used until Nov 30, 07:00 PM.')
    expect(explain({ ...capped, cap_use: { spent_usd_micros: 20_000_000, resets_at: null } })).toBe(
      'Your own cap of $20.00 is used. Raise it to use the key again.',
    )
  })

  test('off and expired: since when, and by whom', () => {
    expect(explain({ status: 'disabled', disabled_at: '2026-11-20T10:00:00.000Z' })).toBe(
      'You switched it off on November 20, 2026; nothing uses it',
    )
    expect(explain({ status: 'disabled' })).toBe('You switched it off; nothing uses it')
    expect(explain({ status: 'expired', expires_at: '2026-11-20T10:00:00.000Z' })).toMatch(
      /^The date that you gave it passed on November 20, 2026;/,
    )
  })
})
