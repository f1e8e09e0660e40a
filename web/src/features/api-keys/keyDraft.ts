// What the form of an API key holds, from the key and back to what is sent.
import type { ApiKey, UpdateApiKeyBody } from '../../../../contract/api-keys.ts'
import type { FallbackPolicy, Payer } from '../../../../contract/common.ts'
import { preferredZone } from '../../composables/usePreferences.ts'
import type { TextKey } from '../../i18n.ts'
import { endOfDay } from '../../ui/timeRange.ts'
import { checkLimits, draftLimits, type LimitName, limitsOf, type LimitsDraft } from './limitDraft.ts'

export type Expiry = 'keep' | 'never' | 'day' | '30' | '90' | '365'

export interface KeyDraft extends LimitsDraft {
  name: string
  /** Empty: of no team. */
  team: string
  expiry: Expiry
  expiryDay: string
  models: string
  payers: Record<Payer, boolean>
  fallback: 'allow' | 'never' | 'listed'
  /** Where the policy lists reasons: those, which are kept. */
  reasons: FallbackPolicy
}

const DAY_MS = 86_400_000

export function draftOf(key: ApiKey | null): KeyDraft {
  const allows = (payer: Payer): boolean => key?.allowed_payers?.includes(payer) ?? true
  return {
    name: key?.name ?? '',
    team: '',
    expiry: key === null ? '90' : key.expires_at === null ? 'never' : 'keep',
    expiryDay: '',
    ...draftLimits(key),
    models: key?.allowed_models?.join('\n') ?? '',
    payers: { user: allows('user'), team: allows('team'), server: allows('server') },
    fallback: Array.isArray(key?.fallback) ? 'listed' : key?.fallback === 'never' ? 'never' : 'allow',
    reasons: key?.fallback ?? 'allow',
  }
}

export type DraftField = 'name' | 'expiryDay' | LimitName | 'budget' | 'payers'

/** What is wrong with a draft, by field, each as a sentence that says what to do. */
export function checkDraft(draft: KeyDraft, now = Date.now()): Partial<Record<DraftField, TextKey>> {
  const problems: Partial<Record<DraftField, TextKey>> = {}
  if (draft.name.trim() === '') problems.name = 'apiKeys.form.needsName'
  if (draft.expiry === 'day' && !(Date.parse(readDay(draft) ?? '') > now)) {
    problems.expiryDay = 'apiKeys.form.needsDay'
  }
  Object.assign(problems, checkLimits(draft))
  if (!Object.values(draft.payers).includes(true)) problems.payers = 'apiKeys.form.needsPayer'
  return problems
}

/** The draft as it is sent; null takes away. */
export function bodyOf(draft: KeyDraft, now = Date.now()): UpdateApiKeyBody & { name: string } {
  const models = draft.models.split(/[\s,]+/).filter((model) => model !== '')
  const payers = (['user', 'team', 'server'] as const).filter((payer) => draft.payers[payer])
  return {
    name: draft.name.trim(),
    ...(draft.expiry !== 'keep' && { expires_at: readExpiry(draft, now) }),
    ...limitsOf(draft),
    allowed_models: models.length > 0 ? models : null,
    allowed_payers: payers.length === 3 ? null : payers,
    fallback: draft.fallback === 'listed' ? draft.reasons : draft.fallback,
  }
}

/** The end of the chosen day where the reader is. */
const readDay = (draft: KeyDraft): string | null => endOfDay(draft.expiryDay, preferredZone())

function readExpiry(draft: KeyDraft, now: number): string | null {
  if (draft.expiry === 'never') return null
  if (draft.expiry === 'day') return readDay(draft)
  return new Date(now + Number(draft.expiry) * DAY_MS).toISOString()
}
