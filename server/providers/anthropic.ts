// Anthropic. From API version 2026-10-21 on the key travels as a bearer token.
import { CONSERVATIVE_DIALECT } from '../protocols/profile.ts'
import type { BillingApi } from './billing.ts'
import { ANTHROPIC_OVERFLOW } from './overflow.ts'
import type { Provider } from './provider.ts'

const BEARER_SINCE = '2026-10-21'
const VERSION = /^\d{4}-\d{2}-\d{2}$/

// The Usage and Cost API among Anthropic's Admin API.
const BILLING: BillingApi = {
  adminKeyPrefix: 'sk-ant-admin',
  adminKeyFrom: 'an administrator of the organization makes one in the Console under Settings, Admin keys',
  scope: 'org:admin',
  range: { from: 'starting_at', to: 'ending_at', as: 'rfc3339' },
  bucketStart: 'starting_at',
  mostBuckets: 31,
  usage: [
    {
      path: '/organizations/usage_report/messages',
      requests: [],
      input: [
        'uncached_input_tokens',
        'cache_read_input_tokens',
        'cache_creation.ephemeral_5m_input_tokens',
        'cache_creation.ephemeral_1h_input_tokens',
      ],
      cacheRead: ['cache_read_input_tokens'],
      cacheWrite: ['cache_creation.ephemeral_5m_input_tokens', 'cache_creation.ephemeral_1h_input_tokens'],
      output: ['output_tokens'],
    },
  ],
  costs: {
    path: '/organizations/cost_report',
    groupBy: 'description',
    // A decimal number of cents, as text.
    amount: 'amount',
    currency: 'currency',
    microsPerUnit: 10_000,
    model: 'model',
    otherwise: 'description',
    byApiKey: false,
  },
  version: /-(?:\d{8}|latest)$/,
}

export const anthropic: Omit<Provider, 'origin' | 'basePath'> = {
  id: 'anthropic',
  name: 'Anthropic',
  version: '/v1',
  versions: ['v1'],
  dialects: new Set(['anthropic-messages']),
  translateVia: 'anthropic-messages',
  chatDialect: CONSERVATIVE_DIALECT,
  modelPrefixes: ['claude'],
  keyPrefixes: ['sk-ant-', 'sk-ant-api03-', 'sk-ant-admin01-'],
  keyless: false,
  streamUsage: true,
  streamSilenceMs: 120_000,
  modelListPath: '/models?limit=1000',
  forwardHeaders: ['anthropic-version', 'anthropic-beta'],
  authHeader: (headers) => {
    const version = headers['anthropic-version'] ?? ''
    return VERSION.test(version) && version >= BEARER_SINCE
      ? { name: 'authorization', scheme: 'Bearer ' }
      : { name: 'x-api-key', scheme: '' }
  },
  defaultHeaders: { 'anthropic-version': '2023-06-01' },
  billing: BILLING,
  errorRules: [
    ...ANTHROPIC_OVERFLOW,
    {
      statuses: [400, 403],
      message:
        /(?:your )?credit balance is too low|(?:you have )?reached your .{0,200}?usage limits?|usage limits?\b.{0,200}?reached/i,
      verdict: 'exhausted',
    },
    { statuses: [400, 402, 403], signal: 'billing_error', verdict: 'exhausted' },
    // A 400 that no change of the request mends: the account behind the key is closed.
    { statuses: [400, 403], message: /(?:this )?organization has been disabled/i, verdict: 'invalid' },
  ],
}
