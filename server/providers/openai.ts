// OpenAI.
import { OPENAI_DIALECT, OPENAI_HEADERS } from './chat-dialects.ts'
import type { Provider } from './provider.ts'

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
  errorRules: [
    { statuses: [429], message: /exceeded your current quota/i, verdict: 'exhausted' },
    { signal: 'billing_hard_limit_reached', verdict: 'exhausted' },
    { signal: 'billing_not_active', verdict: 'exhausted' },
    { signal: 'account_deactivated', verdict: 'invalid' },
    // A key made for some addresses only is a good key at those.
    {
      statuses: [401, 403],
      message: /insufficient permissions for this operation|missing scopes/i,
      verdict: 'forbidden',
    },
  ],
}
