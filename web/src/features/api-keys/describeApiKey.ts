// The state of an API key as a tag.
import type { ApiKey } from '../../../../contract/api-keys.ts'
import type { TextKey } from '../../i18n.ts'

export type ApiKeyAct = 'snippets' | 'rotate' | 'edit' | 'revoke'

export interface ApiKeyState {
  readonly tone: 'ok' | 'danger' | 'plain'
  readonly mark: string
  readonly tag: TextKey
}

export function describeApiKey(key: ApiKey, now = Date.now()): ApiKeyState {
  if (!key.is_active) return { tone: 'plain', mark: '✕', tag: 'apiKeys.state.revoked' }
  if (key.expires_at !== null && Date.parse(key.expires_at) <= now) {
    return { tone: 'plain', mark: '', tag: 'apiKeys.state.expired' }
  }
  const { budget, budget_use: use } = key
  if (budget && use && use.spent_usd_micros >= budget.usd * 1e6) {
    return { tone: 'danger', mark: '✕', tag: 'apiKeys.state.spent' }
  }
  return { tone: 'ok', mark: '✓', tag: 'apiKeys.state.active' }
}
