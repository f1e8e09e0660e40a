// The ways in which a request can go: every client dialect to a provider that speaks it, and each across to another;
// and what an error must look like in each dialect.
import { CHAT_DIALECTS, type Dialect } from '../dialects.ts'
import type { Reply } from '../uniroute-client.ts'
import type { Refusal } from './key-states.ts'

export type VendorId = 'openai' | 'anthropic' | 'google'

export interface Lane {
  readonly name: string
  readonly family: Dialect['family'] | 'uniroute'
  readonly vendor: VendorId
  /** Known to the price list. */
  readonly model: string
  path(model: string, streamed: boolean): string
  auth(apiKey: string): Record<string, string>
  body(text: string, model: string, streamed: boolean): object
  /** What the address says and the body does not, for an explanation. */
  beside(model: string, streamed: boolean): object
}

const MODELS: Record<VendorId, string> = { openai: 'gpt-5', anthropic: 'claude-sonnet-5', google: 'gemini-3.5-flash' }

const UNIROUTE_CHAT = {
  name: 'uniroute-chat',
  family: 'uniroute',
  path: (_model: string, streamed: boolean) => (streamed ? '/v1/chat/stream' : '/v1/chat'),
  auth: (apiKey: string) => ({ authorization: `Bearer ${apiKey}` }),
  body: (text: string, model: string) => ({ model, messages: [{ role: 'user', content: text }] }),
} as const

const DIALECTS = [...CHAT_DIALECTS, UNIROUTE_CHAT]
const VENDORS: Readonly<Record<string, readonly [own: VendorId, other: VendorId]>> = {
  'openai-chat': ['openai', 'anthropic'],
  'openai-responses': ['openai', 'google'],
  'anthropic-messages': ['anthropic', 'openai'],
  gemini: ['google', 'anthropic'],
  'uniroute-chat': ['openai', 'google'],
}

const BESIDE: Readonly<Record<string, (model: string, stream: boolean) => object>> = {
  gemini: (model, stream) => ({ model, stream }),
  'uniroute-chat': (_model, stream) => ({ dialect: 'uniroute-chat', stream }),
}

export const LANES: readonly Lane[] = DIALECTS.flatMap((dialect) =>
  VENDORS[dialect.name]!.map((vendor) => ({
    name: `${dialect.name} → ${vendor}`,
    family: dialect.family,
    vendor,
    model: MODELS[vendor],
    path: dialect.path,
    auth: dialect.auth,
    body: dialect.body,
    beside: (model, stream) => BESIDE[dialect.name]?.(model, stream) ?? {},
  })),
)

interface Told {
  readonly openai: string
  readonly anthropic: string
  readonly gemini: string
}

/** The type or status of each envelope, by code. */
const ENVELOPES: Readonly<Record<string, Told>> = {
  rate_limit_exceeded: { openai: 'rate_limit_error', anthropic: 'rate_limit_error', gemini: 'RESOURCE_EXHAUSTED' },
  provider_quota_exhausted: { openai: 'insufficient_quota', anthropic: 'billing_error', gemini: 'RESOURCE_EXHAUSTED' },
  server_allowance_spent: {
    openai: 'insufficient_quota',
    anthropic: 'billing_error',
    gemini: 'RESOURCE_EXHAUSTED',
  },
  own_cap_reached: { openai: 'insufficient_quota', anthropic: 'billing_error', gemini: 'RESOURCE_EXHAUSTED' },
  no_usable_key: { openai: '', anthropic: 'permission_error', gemini: 'PERMISSION_DENIED' },
  model_not_enabled: { openai: '', anthropic: 'permission_error', gemini: 'PERMISSION_DENIED' },
  provider_key_invalid: {
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    gemini: 'FAILED_PRECONDITION',
  },
  provider_key_unreadable: { openai: '', anthropic: 'api_error', gemini: 'UNAVAILABLE' },
  upstream_error: { openai: 'server_error', anthropic: 'api_error', gemini: 'UNAVAILABLE' },
  timeout: { openai: 'server_error', anthropic: 'timeout_error', gemini: 'UNAVAILABLE' },
  overloaded: { openai: '', anthropic: 'overloaded_error', gemini: 'UNAVAILABLE' },
}

/** To Anthropic's clients overload is 529, and never guesses a delay. */
export function refusalIn({ family }: Lane, refusal: Refusal): Refusal {
  const is529 = family === 'anthropic' && refusal.code === 'overloaded'
  return is529 ? { ...refusal, status: 529, retryAfter: false } : refusal
}

/** What is wrong with an error answer, as sentences. */
export function checkEnvelope({ family }: Lane, reply: Reply, { code, status }: Refusal): string[] {
  const { body } = reply
  const { [code]: told } = ENVELOPES
  if (!told) return [`no envelope is written down for ${code}`]
  const wrong: string[] = []
  const same = (what: string, wanted: unknown, got: unknown): void => {
    if (wanted !== got) wrong.push(`${what} ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`)
  }
  const sentence = family === 'uniroute' ? body?.error : body?.error?.message
  if (typeof sentence !== 'string' || sentence.length < 10) wrong.push('no sentence in the error')
  switch (family) {
    case 'openai':
      same(
        'keys',
        'code,message,param,type',
        Object.keys(body?.error ?? {})
          .sort()
          .join(),
      )
      same('code', code, body?.error?.code)
      if (told.openai !== '') same('type', told.openai, body?.error?.type)
      break
    case 'anthropic':
      same('type', 'error', body?.type)
      same('request_id', reply.headers.get('request-id'), body?.request_id)
      same('error type', told.anthropic, body?.error?.type)
      same('code', code, body?.error?.details?.code)
      break
    case 'gemini': {
      same('code', status, body?.error?.code)
      same('status', told.gemini, body?.error?.status)
      const kinds: string[] = (body?.error?.details ?? []).map((one: { '@type': string }) => one['@type'])
      if (status === 402 && !kinds.some((kind) => kind.endsWith('QuotaFailure'))) wrong.push('no QuotaFailure')
      if (status === 429 && !kinds.some((kind) => kind.endsWith('RetryInfo'))) wrong.push('no RetryInfo')
      break
    }
    case 'uniroute':
      same('keys', 'error', Object.keys(body ?? {}).join())
  }
  return wrong
}
