// What each vendor's refusal means for the key, the model and the provider: the table by hand, with bodies in the
// shapes that vendors send; and every recorded error must fall under one kind of the second table, and be judged as it
// says.
import { describe, expect, test } from 'vitest'
import { anthropic } from '../../server/providers/anthropic.ts'
import { createCompatibleProvider } from '../../server/providers/compatible.ts'
import { google } from '../../server/providers/google.ts'
import { openai } from '../../server/providers/openai.ts'
import { judgeRefusal, type Provider, statusOfSignals, type Verdict } from '../../server/providers/provider.ts'
import type { Protocol } from '../../server/protocols/protocol.ts'
import { PROTOCOLS } from '../../server/protocols/registry.ts'
import { readRecordings, recordingsAvailable, warnWithoutRecordings } from '../support/recordings.ts'

warnWithoutRecordings('The recorded half of classify-errors.test.ts')

const place = { origin: 'https://vendor.invalid', basePath: '' }
const compat = createCompatibleProvider({ id: 'groq', name: 'Groq', ...place, version: '/v1', keyless: false })
const VENDORS = {
  openai: [{ ...openai, ...place }, PROTOCOLS['openai-chat']],
  anthropic: [{ ...anthropic, ...place }, PROTOCOLS['anthropic-messages']],
  google: [{ ...google, ...place }, PROTOCOLS.gemini],
  compat: [compat, PROTOCOLS['openai-chat']],
} as const satisfies Record<string, readonly [Provider, Protocol]>
type Vendor = keyof typeof VENDORS

function judge(vendor: Vendor, status: number, body: string): Verdict {
  const [provider, protocol] = VENDORS[vendor]
  return judgeRefusal(provider, status, protocol.decodeError(status, body))
}

const oc = (message: string, code: string | null = null, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
})
const an = (type: string, message: string) => ({ type: 'error', error: { type, message } })
const gm = (code: number, status: string, message: string, details: unknown[] = []) => ({
  error: { code, message, status, details },
})
const info = (reason: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason })
const quota = (quotaId: string) => ({
  '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
  violations: [{ quotaId, quotaValue: '50' }],
})
const QUOTA = 'You exceeded your current quota, please check your plan and billing details.'

const TABLE: readonly [Verdict, Vendor, number, object | string][] = [
  // The key.
  ['invalid', 'openai', 401, oc('Incorrect API key provided: sk-…', 'invalid_api_key')],
  ['invalid', 'openai', 401, ''],
  ['invalid', 'openai', 403, oc('Your account was deactivated.', 'account_deactivated')],
  ['invalid', 'anthropic', 401, an('authentication_error', 'invalid x-api-key')],
  ['invalid', 'google', 400, gm(400, 'INVALID_ARGUMENT', 'API key not valid.', [info('API_KEY_INVALID')])],
  ['invalid', 'google', 400, gm(400, 'INVALID_ARGUMENT', 'API key expired. Please renew the API key.')],
  ['invalid', 'google', 400, [gm(400, 'INVALID_ARGUMENT', 'API key not valid.', [info('API_KEY_INVALID')])]],
  ['invalid', 'google', 403, gm(403, 'PERMISSION_DENIED', 'Your API key was reported as leaked.')],
  ['invalid', 'google', 403, gm(403, 'PERMISSION_DENIED', 'Blocked.', [info('API_KEY_SERVICE_BLOCKED')])],
  ['invalid', 'google', 403, gm(403, 'PERMISSION_DENIED', 'Not used before.', [info('SERVICE_DISABLED')])],
  ['invalid', 'google', 403, gm(403, 'PERMISSION_DENIED', "Method doesn't allow unregistered callers.")],
  [
    'invalid',
    'google',
    403,
    gm(403, 'PERMISSION_DENIED', "Permission denied: Consumer 'api_key:AIza…' has been suspended.", [
      info('CONSUMER_SUSPENDED'),
    ]),
  ],
  ['invalid', 'google', 403, gm(403, 'PERMISSION_DENIED', "Permission denied: Consumer 'x' has been suspended.")],
  ['invalid', 'anthropic', 400, an('invalid_request_error', 'This organization has been disabled.')],
  ['invalid', 'anthropic', 403, an('permission_error', 'This organization has been disabled.')],
  ['invalid', 'compat', 400, { code: 'invalid-argument', error: 'Incorrect API key provided.' }],
  ['invalid', 'compat', 401, { error: { message: 'Invalid API Key', code: 401 } }],
  ['invalid', 'compat', 403, oc('Invalid API key')],

  // The key is good, but not here.
  ['unfit', 'openai', 401, oc('You have insufficient permissions for this operation. Missing scopes: model.request')],
  ['unfit', 'openai', 403, oc('You have insufficient permissions for this operation.')],
  ['unfit', 'openai', 401, oc('Your IP is not authorized for this project.', 'ip_not_authorized')],
  ['unfit', 'google', 403, gm(403, 'PERMISSION_DENIED', 'Blocked.', [info('API_KEY_IP_ADDRESS_BLOCKED')])],
  ['unfit', 'google', 403, gm(403, 'PERMISSION_DENIED', 'Blocked.', [info('API_KEY_HTTP_REFERRER_BLOCKED')])],

  // Its money.
  ['exhausted', 'openai', 429, oc(QUOTA, 'insufficient_quota', 'insufficient_quota')],
  ['exhausted', 'openai', 429, oc(QUOTA)],
  ['exhausted', 'openai', 400, oc('Billing hard limit has been reached', 'billing_hard_limit_reached')],
  ['exhausted', 'openai', 429, oc('Your account is not active.', 'billing_not_active', 'billing_not_active')],
  ['exhausted', 'anthropic', 400, an('invalid_request_error', 'Your credit balance is too low to access the API.')],
  ['exhausted', 'anthropic', 400, an('invalid_request_error', 'You have reached your specified API usage limits.')],
  ['exhausted', 'anthropic', 402, an('billing_error', 'Payment required.')],
  ['exhausted', 'anthropic', 403, an('billing_error', 'Payment required.')],
  ['exhausted', 'google', 429, gm(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota('GenerateRequestsPerDayPerProject')])],
  ['exhausted', 'google', 429, gm(429, 'RESOURCE_EXHAUSTED', `${QUOTA} limit: 0`)],
  ['exhausted', 'google', 429, gm(429, 'RESOURCE_EXHAUSTED', 'Your prepayment credits are depleted.')],
  ['exhausted', 'google', 403, gm(403, 'PERMISSION_DENIED', 'The billing account for the project is disabled.')],
  [
    'exhausted',
    'google',
    403,
    gm(403, 'PERMISSION_DENIED', 'Enable billing on project #1.', [info('BILLING_DISABLED')]),
  ],
  [
    'exhausted',
    'google',
    400,
    gm(
      400,
      'FAILED_PRECONDITION',
      'Gemini API free tier is not available in your country. Please enable billing on your project in Google AI Studio.',
    ),
  ],
  [
    'exhausted',
    'google',
    400,
    gm(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use without a billing account linked.'),
  ],
  ['exhausted', 'compat', 402, { error: { message: 'Insufficient credits', code: 402 } }],
  ['exhausted', 'compat', 403, { error: { message: 'Key limit exceeded (total limit).', code: 403 } }],
  ['exhausted', 'compat', 403, oc('No credit.', 'insufficient_quota')],

  // Its pace.
  [
    'cooling',
    'openai',
    429,
    oc('Rate limit reached for gpt-4o. Please try again in 7s.', 'rate_limit_exceeded', 'requests'),
  ],
  ['cooling', 'anthropic', 429, an('rate_limit_error', 'This would exceed the rate limit of your organization.')],
  ['cooling', 'google', 429, gm(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota('InputTokensPerModelPerMinute')])],
  // A day's quota of one model says nothing about the others.
  [
    'cooling',
    'google',
    429,
    gm(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier')]),
  ],
  ['cooling', 'google', 429, gm(429, 'RESOURCE_EXHAUSTED', QUOTA, [quota('GenerateRequestsPerModelPerDay')])],
  ['cooling', 'google', 429, gm(429, 'RESOURCE_EXHAUSTED', `${QUOTA} limit: 1000000, model: x`)],
  ['cooling', 'compat', 429, { error: { message: 'Provider returned error', code: 429 } }],
  ['cooling', 'compat', 429, '<html>'],

  // This model, this account, this region.
  [
    'restricted',
    'google',
    429,
    gm(429, 'RESOURCE_EXHAUSTED', `${QUOTA} limit: 0, model: gemini-x`, [
      quota('GenerateRequestsPerDayPerProjectPerModel-FreeTier'),
    ]),
  ],
  ['restricted', 'openai', 403, oc('Project `p` does not have access to model `gpt-x`', 'model_not_found')],
  ['restricted', 'openai', 403, oc('You are not allowed to sample from this model')],
  ['restricted', 'openai', 404, oc('The model `x` does not exist or you do not have access to it.', 'model_not_found')],
  ['restricted', 'openai', 403, oc('Your organization must be verified to use the model `gpt-image-1`. Please go to:')],
  ['restricted', 'openai', 404, oc('Your organization must be verified to use the model `o3`. Please go to:')],
  ['request', 'openai', 400, oc('Your organization must be verified to stream this model.', 'unsupported_value')],
  ['restricted', 'anthropic', 403, an('permission_error', 'You do not have access to the model claude-x.')],
  ['restricted', 'google', 403, gm(403, 'PERMISSION_DENIED', 'Your project has been denied access to models/x.')],
  ['model_not_found', 'openai', 404, oc('The model `x` has been deprecated', 'model_not_found')],
  ['model_not_found', 'anthropic', 404, an('not_found_error', 'model: claude-x')],
  ['model_not_found', 'google', 404, gm(404, 'NOT_FOUND', 'models/x is not found for API version v1beta.')],
  [
    'forbidden',
    'openai',
    403,
    oc('Country, region, or territory not supported', 'unsupported_country_region_territory'),
  ],
  ['forbidden', 'anthropic', 403, an('forbidden', 'Request not allowed')],
  ['forbidden', 'google', 403, gm(403, 'PERMISSION_DENIED', 'User location is not supported for the API use.')],

  // The provider.
  ['overloaded', 'anthropic', 529, an('overloaded_error', 'Overloaded')],
  ['overloaded', 'anthropic', 503, an('overloaded_error', 'Overloaded')],
  ['overloaded', 'google', 503, gm(503, 'UNAVAILABLE', 'The model is overloaded. Please try again later.')],
  ['overloaded', 'openai', 503, oc('The engine is currently overloaded', null, 'server_error')],
  ['failed', 'openai', 500, oc('The server had an error', null, 'server_error')],
  ['failed', 'openai', 502, '<html>Bad gateway</html>'],
  ['failed', 'google', 503, gm(503, 'UNAVAILABLE', 'Try again.')],
  ['failed', 'openai', 408, ''],
  ['failed', 'openai', 307, ''],

  // The request: said by words that look like the rows above, too.
  ['request', 'openai', 400, oc("Unsupported parameter: 'stop'", 'unsupported_parameter')],
  ['request', 'openai', 400, oc('You exceeded the maximum of quota items in this list')],
  ['request', 'openai', 409, oc('Conflict')],
  ['request', 'openai', 413, oc('Too large')],
  ['request', 'openai', 422, oc('Unprocessable')],
  ['overflow', 'anthropic', 400, an('invalid_request_error', 'prompt is too long: 3333404 tokens > 200000 maximum')],
  ['overflow', 'openai', 400, oc('Shorten it.', 'context_length_exceeded')],
  [
    'overflow',
    'google',
    400,
    gm(400, 'INVALID_ARGUMENT', 'The input token count exceeds the maximum number of tokens allowed 1048576.'),
  ],
  ['overflow', 'compat', 422, oc("This model's maximum context length is 9 tokens. However, you requested 10 tokens")],
  ['request', 'google', 400, gm(400, 'INVALID_ARGUMENT', 'prompt is too long')],
  ['request', 'anthropic', 413, an('request_too_large', 'Request exceeds the maximum size')],
  ['request', 'google', 400, gm(400, 'INVALID_ARGUMENT', 'Unknown name "x": Cannot find field.')],
  ['request', 'google', 400, gm(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.')],
]

describe('by hand', () => {
  test.each(TABLE)('%s: %s %i %j', (verdict, vendor, status, body) => {
    expect(judge(vendor, status, typeof body === 'string' ? body : JSON.stringify(body))).toBe(verdict)
  })

  test('a body of any shape is judged by its status, without an exception', () => {
    const bodies = [
      '',
      'null',
      '[]',
      '{}',
      '{"error":null}',
      '{"error":[1]}',
      '{"error":{"details":[null,{"violations":[1]}]}}',
    ]
    for (const vendor of Object.keys(VENDORS) as Vendor[]) {
      for (const body of bodies) {
        expect([judge(vendor, 401, body), judge(vendor, 429, body), judge(vendor, 500, body)]).toEqual([
          'invalid',
          'cooling',
          'failed',
        ])
      }
    }
  })
})

describe('how long to wait', () => {
  test.each<[Vendor, object, number | null]>([
    ['openai', oc('Please try again in 1.2s.'), 1_200],
    ['openai', oc('Please try again in 340ms.'), 340],
    ['openai', oc('Please try again in 1m30s.'), 90_000],
    ['openai', oc('Please try again in 2h0m5s.'), 7_205_000],
    ['openai', oc('Please try again later.'), null],
    ['google', gm(429, 'X', '', [{ retryDelay: '34.07s' }]), 34_070],
    ['google', gm(429, 'X', '', [{ retryDelay: '48s' }]), 48_000],
    ['google', gm(429, 'X', '', [{ retryDelay: 'soon' }]), null],
    ['anthropic', an('rate_limit_error', 'Please try again in 7s.'), null],
  ])('%s: %j says %j ms', (vendor, body, expected) => {
    expect(VENDORS[vendor][1].decodeError(429, JSON.stringify(body)).retryAfterMs).toBe(expected)
  })
})

test.each([
  [['overloaded_error'], 529],
  [['rate_limit_exceeded', 'requests'], 429],
  [['nothing known', 'insufficient_quota'], 429],
  [['unavailable'], 503],
  [['invalid_request_error'], 400],
  [[], 500],
])('an error event with %j stands for %i', (signals, status) => {
  expect(statusOfSignals({ signals, message: '', retryAfterMs: null })).toBe(status)
})

/** Kinds of recorded errors, told apart by status and words; the verdict is what a person made of reading one. */
const RECORDED: readonly [Verdict, number, RegExp][] = [
  ['invalid', 401, /incorrect api key|invalid x-api-key|invalid subscription key|invalid api key/i],
  ['invalid', 400, /API_KEY_INVALID|"error":"Incorrect API key provided/],
  ['cooling', 429, /temporarily rate-limited upstream|Resource exhausted\. Please try again|PerMinute/],
  ['restricted', 403, /not allowed to (?:generate embeddings|sample) from this model/],
  ['restricted', 404, /does not exist or you do not have access/],
  [
    'model_not_found',
    404,
    /"model: |is not found for API version|` not found\.|deprecated|Resource not found|not a chat model/,
  ],
  ['overflow', 400, /prompt is too long/],
  ['request', 400, /./],
]

describe.skipIf(!recordingsAvailable)('as recorded', () => {
  test('every error is of a kind that the table knows, and is judged so', () => {
    const errors = readRecordings().filter(({ status }) => status >= 400)
    const wrong: string[] = []
    const met = new Set<number>()
    for (const { id, provider, protocol, status, answer } of errors) {
      const kind = RECORDED.findIndex(([, code, words]) => code === status && words.test(answer))
      const verdict = judgeRefusal(provider, status, protocol.decodeError(status, answer))
      if (kind === -1) wrong.push(`${id}: ${status} ${answer.slice(0, 200)} is of no kind`)
      else if (verdict !== RECORDED[kind]![0]) wrong.push(`${id}: ${verdict} instead of ${RECORDED[kind]![0]}`)
      met.add(kind)
    }
    expect(wrong).toEqual([])
    expect(met.size).toBe(RECORDED.length)
  })
})
