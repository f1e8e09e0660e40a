// The rule of whom a second factor is demanded, as it stands in the database, and whom it meets.
import { SECOND_FACTOR_RULES, type SecondFactorRule } from '../../../contract/sign-in-rules.ts'

/** Its name in the table of settings. */
export const REQUIRE_SECOND_FACTOR = 'require_second_factor'

/** What stands in the database; what nobody can read counts as the strictest. */
export function parseRule(value: string | null | undefined): SecondFactorRule {
  if (value === null || value === undefined) return 'none'
  return SECOND_FACTOR_RULES.find((rule) => rule === value) ?? 'everyone'
}

export function demandsFactor(rule: SecondFactorRule, role: 'admin' | 'user'): boolean {
  return rule === 'everyone' || (rule === 'admins' && role === 'admin')
}
