// The state of a key as a tag and one sentence.
import type { ProviderKey } from '../../../../contract/provider-keys.ts'
import type { TextKey } from '../../i18n.ts'
import type { TestState } from '../../stores/providerKeys.ts'

export interface KeyDescription {
  readonly tone: 'ok' | 'danger' | 'plain'
  readonly mark: string
  readonly tag: TextKey
  /** null: when it was tested. */
  readonly sentence: TextKey | null
  /** Offer a new secret beside it. */
  readonly wantsSecret: boolean
}

const describe = (
  tone: KeyDescription['tone'],
  mark: string,
  tag: TextKey,
  sentence: TextKey | null,
  wantsSecret = false,
): KeyDescription => ({ tone, mark, tag, sentence, wantsSecret })

const STATES: Readonly<Record<Exclude<ProviderKey['status'], 'active'>, KeyDescription>> = {
  cooling: describe('plain', '◔', 'status.cooling', 'status.coolingSays'),
  restricted: describe('plain', '◔', 'status.restricted', 'status.restrictedSays'),
  exhausted: describe('danger', '✕', 'status.exhausted', 'status.exhaustedSays', true),
  invalid: describe('danger', '✕', 'status.invalid', 'status.invalidSays', true),
  capped: describe('plain', '◔', 'status.capped', 'status.cappedSays'),
  disabled: describe('plain', '', 'status.disabled', 'status.disabledSays'),
  expired: describe('plain', '', 'status.expired', 'status.expiredSays'),
  undecryptable: describe('danger', '✕', 'status.undecryptable', 'status.undecryptableSays', true),
}
const WORKING = describe('ok', '✓', 'status.working', null)
const UNTESTED = describe('plain', '○', 'status.untested', 'status.untestedSays')

export function describeKey(key: ProviderKey): KeyDescription {
  if (key.status !== 'active') return STATES[key.status]
  return key.last_tested_at === null && key.last_used_at === null ? UNTESTED : WORKING
}

/** What a test of this moment adds to the state: what is no state of a key. */
export function describeTest(test: TestState | undefined): { latencyMs: number | null; problem: string | null } {
  if (!test || test.busy) return { latencyMs: null, problem: null }
  if (test.failure) return { latencyMs: null, problem: test.failure }
  const { result } = test
  if (!result) return { latencyMs: null, problem: null }
  return result.valid ? { latencyMs: result.latency_ms, problem: null } : { latencyMs: null, problem: result.message }
}
