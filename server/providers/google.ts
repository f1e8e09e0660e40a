// Google's Gemini API. A bad key is a 400 here; clients ask for /v1 or /v1beta.
import { CONSERVATIVE_DIALECT } from '../protocols/profile.ts'
import { GOOGLE_OVERFLOW } from './overflow.ts'
import type { Provider } from './provider.ts'

export const google: Omit<Provider, 'origin' | 'basePath'> = {
  id: 'google',
  name: 'Google',
  version: '/v1beta',
  versions: ['v1', 'v1beta', 'v1alpha'],
  dialects: new Set(['gemini']),
  translateVia: 'gemini',
  chatDialect: CONSERVATIVE_DIALECT,
  // `text-embedding-004` and its kind are Google's; OpenAI's have no zeros there.
  modelPrefixes: ['gemini', 'models/', 'gemini-embedding', 'text-embedding-00'],
  keyPrefixes: ['AIza', 'AQ.'],
  keyless: false,
  streamUsage: true,
  streamSilenceMs: 120_000,
  modelListPath: '/models?pageSize=1000',
  forwardHeaders: ['x-goog-api-client', 'x-server-timeout'],
  authHeader: () => ({ name: 'x-goog-api-key', scheme: '' }),
  defaultHeaders: {},
  errorRules: [
    ...GOOGLE_OVERFLOW,
    { statuses: [400, 401, 403], signal: 'api_key_invalid', verdict: 'invalid' },
    {
      statuses: [400, 403],
      message: /(?:your )?api key (?:not valid|expired|not found|was reported)/i,
      verdict: 'invalid',
    },
    { statuses: [403], signal: 'api_key_service_blocked', verdict: 'invalid' },
    { statuses: [403], signal: 'service_disabled', verdict: 'invalid' },
    { statuses: [403], signal: /^api_key_(?:ip_address|http_referrer|android_app|ios_app)_blocked$/, verdict: 'unfit' },
    { statuses: [403], message: /unregistered callers/i, verdict: 'invalid' },
    // What Google does to a key that leaked: it never comes back.
    { statuses: [403], signal: 'consumer_suspended', verdict: 'invalid' },
    { statuses: [403], message: /consumer .{0,200}has been suspended/i, verdict: 'invalid' },
    { statuses: [403], signal: 'billing_disabled', verdict: 'exhausted' },
    // Of the region in which the free tier is not to be had: another account may be paid for. The region itself is not.
    {
      statuses: [400],
      message: /(?:Gemini API )?free tier is not available in your country|without a billing account linked/i,
      verdict: 'exhausted',
    },
    {
      statuses: [400, 403, 429],
      message:
        /billing (?:account|details)?.{0,200}?(?:disabled|not (?:active|enabled))|prepayment|credits? (?:are|is) depleted/i,
      verdict: 'exhausted',
    },
    // The same sentence stands for a minute's limit and a day's, the project's and one model's: the quota's id tells.
    // None at all never comes back; of one model it leaves the others.
    { statuses: [429], message: /limit: 0, model:/i, verdict: 'restricted' },
    { statuses: [429], message: /limit: 0\b/i, verdict: 'exhausted' },
    { statuses: [429], signal: /^(?!.*permodel).*perday/, verdict: 'exhausted' },
  ],
}
