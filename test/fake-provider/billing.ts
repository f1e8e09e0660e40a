// What OpenAI and Anthropic tell an organization's administrators: usage and costs by day, in the vendors' own shapes
// and pages. A test says what was used; keys without administrator's rights are refused as the vendors do.
import type { Vendor } from './fake-keys.ts'
import { readKeyHead } from './fake-keys.ts'
import { createHexId, type Json } from './turn.ts'
import { jsonAnswer, type Answer } from './wire.ts'

/** Input with cached and cache-written tokens, as UniRoute counts. */
export interface BilledUse {
  readonly vendor: 'openai' | 'anthropic'
  /** Of UTC. */
  readonly day: string
  readonly model: string
  readonly requests: number
  readonly input: number
  readonly cached?: number
  readonly cacheWrite?: number
  readonly output: number
  readonly usd: number
  /** The vendor's id of the API key that used it. */
  readonly apiKeyId?: string
  /** Counted among embeddings. */
  readonly embedding?: boolean
}

const PATHS: Partial<Record<Vendor, RegExp>> = {
  openai: /^\/v1\/organization\/(?:usage\/(?:completions|embeddings)|costs)$/,
  anthropic: /^\/v1\/organizations\/(?:usage_report\/messages|cost_report)$/,
}

export function isBillingPath(vendor: Vendor, method: string, path: string): boolean {
  return method === 'GET' && (PATHS[vendor]?.test(path) ?? false)
}

const DAY_SECONDS = 86_400
const MOST_BUCKETS: Record<string, number> = { '/v1/organization/costs': 180 }

export function answerBilling(
  { vendor, path, query, key }: { vendor: Vendor; path: string; query: URLSearchParams; key: string },
  uses: readonly BilledUse[],
): Answer {
  const refused = refuse(vendor, key)
  if (refused) return refused
  const isOpenai = vendor === 'openai'
  const from = readMoment(query.get(isOpenai ? 'start_time' : 'starting_at'), isOpenai)
  const to = readMoment(query.get(isOpenai ? 'end_time' : 'ending_at'), isOpenai)
  const limit = Number(query.get('limit') ?? 7)
  const wanted = path.endsWith('cost_report') ? 'description' : path.endsWith('costs') ? 'line_item' : 'model'
  const problems = [
    Number.isNaN(from) || Number.isNaN(to) ? 'the range is not readable' : '',
    query.get('bucket_width') === '1d' ? '' : 'bucket_width is not 1d',
    limit >= 1 && limit <= (MOST_BUCKETS[path] ?? 31) ? '' : 'limit is out of range',
    query.getAll('group_by[]').join() === wanted ? '' : `group_by cannot be ${query.getAll('group_by[]').join()} here`,
    path.endsWith('cost_report') && query.has('api_key_ids[]') ? 'api_key_ids is not a parameter of cost_report' : '',
  ].filter((problem) => problem !== '')
  if (problems.length > 0) return error(vendor, 400, 'invalid_request_error', problems.join('; '))
  const first = query.has('page') ? readPage(query.get('page')!) : from
  const ids = query.getAll('api_key_ids[]')
  const own = uses.filter((use) => use.vendor === vendor && (ids.length === 0 || ids.includes(use.apiKeyId ?? '')))
  const data: Json[] = []
  let start = first
  for (; start < to && data.length < limit; start += DAY_SECONDS) {
    const day = new Date(start * 1000).toISOString().slice(0, 10)
    const ofDay = own.filter((use) => use.day === day)
    data.push(
      isOpenai
        ? {
            object: 'bucket',
            start_time: start,
            end_time: start + DAY_SECONDS,
            results: ofDay.flatMap((use) => openaiResults(path, use)),
          }
        : {
            starting_at: toText(start),
            ending_at: toText(start + DAY_SECONDS),
            results: ofDay.flatMap((use) => anthropicResults(path, use)),
          },
    )
  }
  const more = start < to
  const next = more ? `page_${Buffer.from(String(start)).toString('base64')}` : null
  return jsonAnswer(200, { ...(isOpenai && { object: 'page' }), data, has_more: more, next_page: next })
}

function openaiResults(path: string, use: BilledUse): Json[] {
  const nothing = { project_id: null, user_id: null, api_key_id: null }
  if (path.endsWith('costs')) {
    const parts: [string, number][] = use.embedding
      ? [['input_tokens', 1]]
      : [
          ['input_tokens', 0.25],
          ['output_tokens', 0.75],
        ]
    return parts.map(([name, share]) => ({
      object: 'organization.costs.result',
      amount: { value: use.usd * share, currency: 'usd' },
      line_item: `${use.model}, ${name}`,
      ...nothing,
    }))
  }
  if (path.endsWith('embeddings') !== (use.embedding ?? false)) return []
  const shared = { num_model_requests: use.requests, input_tokens: use.input, model: use.model, ...nothing }
  if (use.embedding) return [{ object: 'organization.usage.embeddings.result', ...shared }]
  return [
    {
      object: 'organization.usage.completions.result',
      ...shared,
      input_cached_tokens: use.cached ?? 0,
      input_cache_write_tokens: use.cacheWrite ?? 0,
      output_tokens: use.output,
      batch: null,
    },
  ]
}

function anthropicResults(path: string, use: BilledUse): Json[] {
  const [cached, written] = [use.cached ?? 0, use.cacheWrite ?? 0]
  if (path.endsWith('cost_report')) {
    const shared = {
      currency: 'USD',
      model: use.model,
      cost_type: 'tokens',
      context_window: '0-200k',
      workspace_id: null,
    }
    const cents = (share: number): string => (use.usd * 100 * share).toFixed(6)
    return [
      {
        ...shared,
        amount: cents(0.5),
        token_type: 'uncached_input_tokens',
        description: `${use.model} Usage - Input Tokens`,
      },
      { ...shared, amount: cents(0.5), token_type: 'output_tokens', description: `${use.model} Usage - Output Tokens` },
    ]
  }
  return [
    {
      uncached_input_tokens: use.input - cached - written,
      cache_creation: { ephemeral_1h_input_tokens: 0, ephemeral_5m_input_tokens: written },
      cache_read_input_tokens: cached,
      output_tokens: use.output,
      server_tool_use: { web_search_requests: 0 },
      api_key_id: null,
      workspace_id: null,
      model: use.model,
      service_tier: null,
      context_window: null,
    },
  ]
}

/** Admin keys only; `noscope` in one of them lacks the right to read usage. */
function refuse(vendor: Vendor, key: string): Answer | undefined {
  const isAdmin = vendor === 'openai' ? key.startsWith('sk-admin-') : key.startsWith('sk-ant-admin')
  if (isAdmin && !readKeyHead(key).includes('noscope')) return undefined
  if (vendor === 'anthropic') {
    return isAdmin
      ? error(vendor, 403, 'permission_error', `The key ${key} may not do this.`)
      : error(vendor, 401, 'authentication_error', 'invalid x-api-key')
  }
  const message =
    'You have insufficient permissions for this operation. Missing scopes: api.usage.read. Check that you have the correct role in your organization.'
  return error(vendor, 403, 'invalid_request_error', message)
}

function error(vendor: Vendor, status: number, type: string, message: string): Answer {
  if (vendor === 'anthropic')
    return jsonAnswer(status, { type: 'error', error: { type, message }, request_id: createHexId('req_') })
  return jsonAnswer(status, { error: { message, type, param: null, code: null } })
}

function readMoment(text: string | null, isSeconds: boolean): number {
  const at = isSeconds ? Number(text || NaN) : Date.parse(text ?? '') / 1000
  return Math.floor(at / DAY_SECONDS) * DAY_SECONDS
}

function readPage(text: string): number {
  return Number(Buffer.from(text.replace('page_', ''), 'base64').toString())
}

function toText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '')
}
