// The state of a key as a tag and one sentence, with what it is about: which models, until when, how much, since when.
import type { ProviderKey } from '../../../../contract/provider-keys.ts'
import type { Format } from '../../composables/useFormat.ts'
import type { Text, TextKey } from '../../i18n.ts'
import type { TestState } from '../../stores/providerKeys.ts'

export interface KeyDescription {
  readonly tone: 'ok' | 'danger' | 'plain'
  readonly mark: string
  readonly tag: TextKey
  /** Offer a new secret beside it. */
  readonly wantsSecret: boolean
}

const describe = (tone: KeyDescription['tone'], mark: string, tag: TextKey, wantsSecret = false): KeyDescription => ({
  tone,
  mark,
  tag,
  wantsSecret,
})

const STATES: Readonly<Record<Exclude<ProviderKey['status'], 'active'>, KeyDescription>> = {
  cooling: describe('plain', '◔', 'status.cooling'),
  restricted: describe('plain', '◔', 'status.restricted'),
  exhausted: describe('danger', '✕', 'status.exhausted', true),
  invalid: describe('danger', '✕', 'status.invalid', true),
  capped: describe('plain', '◔', 'status.capped'),
  disabled: describe('plain', '', 'status.disabled'),
  expired: describe('plain', '', 'status.expired'),
  undecryptable: describe('danger', '✕', 'status.undecryptable', true),
}
const WORKING = describe('ok', '✓', 'status.working')
const UNTESTED = describe('plain', '○', 'status.untested')

const isUntested = (key: ProviderKey): boolean => key.last_tested_at === null && key.last_used_at === null

export function describeKey(key: ProviderKey): KeyDescription {
  if (key.status !== 'active') return STATES[key.status]
  return isUntested(key) ? UNTESTED : WORKING
}

/** What the state means for whoever owns the key; they alone can switch it off or give it a date. */
export function explainKey(key: ProviderKey, provider: string, text: Text, format: Format): string {
  switch (key.status) {
    case 'active':
      return isUntested(key) ? text('status.untestedSays') : explainTest(key, text, format)
    case 'cooling':
    case 'restricted':
      return explainHeldModels(key, text, format)
    case 'capped':
      return explainCap(key, text, format)
    case 'disabled':
      return key.disabled_at === null
        ? text('status.disabledSays')
        : text('status.disabledSince', { when: format.day(key.disabled_at) })
    case 'expired':
      return text('status.expiredSays', { when: key.expires_at === null ? '' : format.day(key.expires_at) })
    default:
      return text(`status.${key.status}Says`, { provider })
  }
}

/** The one that the sentence speaks of; null where it says the whole of it. */
export function momentOf(key: ProviderKey): string | null {
  if (key.status === 'active') return key.last_tested_at
  if (key.status === 'disabled') return key.disabled_at
  return key.status === 'expired' ? key.expires_at : null
}

function explainTest(key: ProviderKey, text: Text, format: Format): string {
  if (key.last_tested_at === null) return text('keys.provedByUse')
  const ago = format.ago(key.last_tested_at)
  return key.last_test_ms === null
    ? text('keys.tested', { ago })
    : text('keys.testedIn', { ago, took: format.duration(key.last_test_ms) })
}

/** Those that rest for a moment, with the end of it; then those that the account lacks. */
function explainHeldModels(key: ProviderKey, text: Text, format: Format): string {
  const named = (status: ProviderKey['held_models'][number]['status']) =>
    key.held_models.filter((one) => one.status === status)
  const list = (models: readonly { model: string }[]): string => format.either(models.map(({ model }) => model))
  const [cooling, restricted, unfit] = [named('cooling'), named('restricted'), named('unfit')]
  const parts = [
    ...(cooling.length > 0
      ? [
          text('status.coolingUntil', {
            models: format.list(
              cooling.map(({ model, until }) => text('status.modelUntil', { model, when: format.until(until) })),
            ),
          }),
        ]
      : []),
    ...(restricted.length > 0 ? [text('status.restrictedFor', { models: list(restricted) })] : []),
    ...(unfit.length > 0 ? [text('status.unfitFor', { models: list(unfit) })] : []),
    ...(key.held_models_more > 0 ? [text('status.heldMore', {}, key.held_models_more)] : []),
  ]
  return parts.length > 0
    ? parts.join(' ')
    : text(key.status === 'cooling' ? 'status.coolingSays' : 'status.restrictedSays')
}

function explainCap(key: ProviderKey, text: Text, format: Format): string {
  const usd = format.money((key.cap?.usd ?? 0) * 1e6)
  const end = key.cap_use?.resets_at ?? null
  return end === null
    ? text('status.cappedSays', { usd })
    : text('status.cappedUntil', { usd, when: format.until(end) })
}

/** What a test of this moment adds to the state: what is no state of a key. */
export function describeProblem(test: TestState | undefined): string | null {
  if (!test || test.busy) return null
  if (test.failure) return test.failure
  return test.result && !test.result.valid ? test.result.message : null
}
