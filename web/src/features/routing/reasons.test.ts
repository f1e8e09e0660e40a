// Switches and policies say the same.
import { expect, test } from 'vitest'
import type { FallbackPolicy } from '../../../../contract/common.ts'
import { allows, REASONS, withReason } from './reasons.ts'

const setAll = (policy: FallbackPolicy, on: boolean): FallbackPolicy =>
  REASONS.reduce<FallbackPolicy>((so, reason) => withReason(so, reason, on), policy)

test('all on is "allow", all off is "never", and back', () => {
  expect(setAll('allow', false)).toBe('never')
  expect(setAll('never', true)).toBe('allow')
})

test('one reason off keeps the others', () => {
  const policy = withReason('allow', 'outage', false)
  expect(REASONS.filter((reason) => allows(policy, reason))).toEqual(REASONS.filter((one) => one !== 'outage'))
})
