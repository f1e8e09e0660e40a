// What is still to be moved is told by what the instances are meant to seal under, not by what was active before.
import { expect, test } from 'vitest'
import { countPending } from './pending.ts'

const key = (kid: string, dependents: number) => ({
  kid,
  state: 'active' as const,
  in_ring: true,
  dependents,
  wraps: dependents,
})
const instance = (active_kid: string) => ({ id: active_kid, active_kid, kids: ['old', 'new'], seen_at: '' })
const active = { kid: 'old', created_at: '' }

test('after the secrets were exchanged everything under the old one is to be moved', () => {
  const keys = [key('old', 41), key('new', 2)]
  expect(countPending({ active, keys, instances: [instance('new')] })).toBe(41)
  expect(countPending({ active, keys: [key('old', 41)], instances: [instance('old')] })).toBe(0)
})

test('while instances do not agree the registered one counts', () => {
  const keys = [key('old', 41), key('new', 2)]
  expect(countPending({ active, keys, instances: [instance('new'), instance('old')] })).toBe(2)
})
