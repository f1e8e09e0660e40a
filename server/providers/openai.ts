// OpenAI.
import type { BillingApi } from './billing.ts'
import { OPENAI_DIALECT, OPENAI_HEADERS } from './chat-dialects.ts'
import { OPENAI_OVERFLOW } from './overflow.ts'
import type { Provider } from './provider.ts'

// Administration › Usage of OpenAI's API reference.
const BILLING: BillingApi = {
  adminKeyPrefix: 'sk-admin-',
  adminKeyFrom: 'an owner of the organization makes one under Settings, Organization, Admin keys',
  scope: 'api.usage.read',
  range: { from: 'start_time', to: 'end_time', as: 'seconds' },
  bucketStart: 'start_time',
  mostBuckets: 31,
  usage: [
    {
      path: '/organization/usage/completions',
      requests: ['num_model_requests'],
      input: ['input_tokens'],
      cacheRead: ['input_cached_tokens'],
      cacheWrite: ['input_cache_write_tokens'],
      output: ['output_tokens'],
    },
    {
      path: '/organization/usage/embeddings',
      requests: ['num_model_requests'],
      input: ['input_tokens'],
      cacheRead: [],
      cacheWrite: [],
      output: [],
    },
  ],
  costs: {
    path: '/organization/costs',
    groupBy: 'line_item',
    amount: 'amount.value',
    currency: 'amount.currency',
    microsPerUnit: 1_000_000,
    // As `gpt-5, input_tokens`.
    model: 'line_item',
    otherwise: 'other',
    byApiKey: true,
  },
  version: /-(?:\d{4}-\d\d-\d\d|\d{4})$/,
}

export const openai: Omit<Provider, 'origin' | 'basePath'> = {
  id: 'openai',
  name: 'OpenAI',
  version: '/v1',
  versions: ['v1'],
  dialects: new Set(['openai-chat', 'openai-responses']),
  // Its chat endpoint refuses function tools beside reasoning (gpt-5.4 and later).
  translateVia: 'openai-responses',
  chatDialect: OPENAI_DIALECT,
  modelPrefixes: ['gpt-', 'o1', 'o3', 'o4', 'chatgpt-', 'text-embedding-', 'codex'],
  keyPrefixes: ['sk-', 'sk-proj-', 'sk-svcacct-', 'sk-admin-', 'sess-'],
  keyless: false,
  streamUsage: true,
  streamSilenceMs: 120_000,
  modelListPath: '/models',
  forwardHeaders: OPENAI_HEADERS,
  authHeader: () => ({ name: 'authorization', scheme: 'Bearer ' }),
  defaultHeaders: {},
  billing: BILLING,
  errorRules: [
    ...OPENAI_OVERFLOW,
    { statuses: [429], message: /exceeded your current quota/i, verdict: 'exhausted' },
    { signal: 'billing_hard_limit_reached', verdict: 'exhausted' },
    { signal: 'billing_not_active', verdict: 'exhausted' },
    { signal: 'account_deactivated', verdict: 'invalid' },
    // A key made for some addresses only is a good key at those, and one for some networks only in those.
    { statuses: [401, 403], message: /insufficient permissions for this operation|missing scopes/i, verdict: 'unfit' },
    { statuses: [401, 403], signal: 'ip_not_authorized', verdict: 'unfit' },
    { statuses: [403, 404], message: /must be verified to use the model/i, verdict: 'restricted' },
  ],
}
