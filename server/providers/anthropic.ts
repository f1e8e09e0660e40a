// Anthropic. From API version 2026-10-21 on the key travels as a bearer token.
import { CONSERVATIVE_DIALECT } from '../protocols/profile.ts'
import type { Provider } from './provider.ts'

const BEARER_SINCE = '2026-10-21'
const VERSION = /^\d{4}-\d{2}-\d{2}$/

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
  errorRules: [
    {
      statuses: [400, 403],
      message: /credit balance is too low|reached your .*usage limits?|usage limits?\b.*reached/i,
      verdict: 'exhausted',
    },
    { statuses: [400, 402, 403], signal: 'billing_error', verdict: 'exhausted' },
  ],
}
