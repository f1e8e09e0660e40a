// What a key's owner reads of models it does not serve just now.
import { describe, expect, test } from 'vitest'
import { PROVIDER_KEY } from '../../../test/support/planned-keys.ts'
import { withModelHealth } from './model-health.ts'
import type { ModelHealth } from './record.ts'

const UNTIL = Date.parse('2026-11-22T09:20:00.000Z')
const NOW = UNTIL - 60_000
const cooling = (model: string, until = UNTIL): ModelHealth => ({ model, status: 'cooling', until })
const restricted = (model: string, until = UNTIL): ModelHealth => ({ model, status: 'restricted', until })
const show = (models: readonly ModelHealth[], key = PROVIDER_KEY): unknown[] => {
  const { status, statusReason, isActive } = withModelHealth(key, () => models, NOW)
  return [status, statusReason, isActive]
}

describe('a key that does not serve every model', () => {
  test('shows which models wait and until when, and stays switched on', () => {
    expect(show([cooling('gpt-4o')])).toEqual([
      'cooling',
      'rate limited: gpt-4o until 2026-11-22T09:20:00.000Z; other models work',
      true,
    ])
    expect(show([restricted('gpt-x')])).toEqual([
      'restricted',
      'not enabled for this account: gpt-x until 2026-11-22T09:20:00.000Z; other models work',
      true,
    ])
  })

  test('is called by the state that passes first, and tells both', () => {
    expect(show([restricted('b'), cooling('a')])).toEqual([
      'cooling',
      expect.stringMatching(/^rate limited: a until .*; not enabled for this account: b until .*; other models work$/),
      true,
    ])
  })

  test('names five, those that wait longest, and counts the rest; long names are cut', () => {
    const many = Array.from({ length: 256 }, (_, index) => cooling(`${index}-${'x'.repeat(500)}`, UNTIL + index))
    const [, reason] = show(many)
    expect(String(reason)).toMatch(/^rate limited: 255-x+… until .* 251-x+… until \S+ and 251 more; other models work$/)
    expect(String(reason).length).toBeLessThan(1_000)
  })

  test('what other instances found is told as well, as long as it lasts; what was seen here is newer', () => {
    const key = { ...PROVIDER_KEY, models: [restricted('a'), cooling('b'), cooling('c', NOW)] }
    expect(withModelHealth(key, () => [cooling('a')], NOW).statusReason).toBe(
      'rate limited: a until 2026-11-22T09:20:00.000Z, b until 2026-11-22T09:20:00.000Z; other models work',
    )
  })

  test('without such models nothing is said', () => {
    expect(withModelHealth(PROVIDER_KEY, () => [], NOW)).toBe(PROVIDER_KEY)
    expect(withModelHealth(PROVIDER_KEY, undefined, NOW)).toBe(PROVIDER_KEY)
  })

  test.each([
    { status: 'invalid', statusReason: 'invalid_api_key' },
    { status: 'exhausted', statusReason: 'insufficient_quota' },
    { status: 'undecryptable', statusReason: 'x' },
    { isActive: false },
  ] as const)('a state of the whole key stands above it: %o', (state) => {
    const key = { ...PROVIDER_KEY, ...state }
    expect(withModelHealth(key, () => [cooling('gpt-4o')], NOW)).toBe(key)
  })
})
