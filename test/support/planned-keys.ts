// A stored provider key and a caller as plans are made of, for tests that change only what their claim is about.
import type { ApiKeyContext } from '../../server/features/api-keys/context.ts'
import type { ProviderKeyRecord } from '../../server/features/provider-keys/record.ts'

/** A key of user `u` at OpenAI that has served. */
export const PROVIDER_KEY: ProviderKeyRecord = {
  id: 'A',
  userId: 'u',
  provider: 'openai',
  baseUrl: null,
  label: '',
  position: 0,
  isActive: true,
  expiresAt: null,
  prefix: '',
  last4: '',
  fallback: 'allow',
  allowedModels: null,
  capUsdNanos: null,
  capPeriod: null,
  status: 'active',
  statusReason: null,
  statusAt: null,
  workedAt: 1,
  probe: null,
  models: [],
  keyVersion: 1,
  version: 1,
  kid: '',
  sealed: '',
}

/** User `u` through an API key without limits of its own. */
export const PLAN_CALLER = {
  principal: { userId: 'u', teamId: null },
  allowedPayers: null,
  allowedModels: null,
  fallback: 'allow',
  accountFallback: 'allow',
} as unknown as ApiKeyContext
