// What a provider says an account used and owes, read page by page with an admin key.
// Invariants: the key goes into one header of these requests and nowhere else; no text of the provider is passed on but
// names of scopes and models; pages, bytes and time are bounded.
import { GatewayError } from '../../kernel/errors.ts'
import { revealSecret, type Secret } from '../../kernel/secret.ts'
import { asCount, asObject, asText, parseJson, type JsonObject } from '../../protocols/read.ts'
import type { BillingApi, UsageReport } from '../../providers/billing.ts'
import { providerPath, type Provider } from '../../providers/provider.ts'
import { requestOnce } from '../../upstream/request-once.ts'
import type { Upstream } from '../../upstream/upstream.ts'

export interface BillQuestion {
  readonly provider: Provider & { readonly billing: BillingApi }
  readonly key: Secret
  /** Midnights of UTC, epoch milliseconds; the second one left out. */
  readonly from: number
  readonly to: number
  readonly apiKeyIds: readonly string[]
}

/** One entry of the provider's count, as it stands there. */
export interface BillEntry {
  readonly day: string
  readonly model: string
  readonly requests: number | null
  readonly inputTokens: number | null
  readonly cacheReadTokens: number | null
  readonly cacheWriteTokens: number | null
  readonly outputTokens: number | null
}

export interface ChargeEntry {
  readonly day: string
  readonly model: string
  readonly costMicros: number
}

export interface ProviderBill {
  readonly usage: readonly BillEntry[]
  /** null where the provider cannot narrow its charges to the API keys asked for. */
  readonly charges: readonly ChargeEntry[] | null
}

/** `until`: of the monotonic clock. */
type TimedQuestion = BillQuestion & { readonly until: number }

const PAGE = { timeoutMs: 20_000, maxBytes: 8 * 1024 * 1024 }
const MOST_PAGES = 20
const LONGEST_MS = 60_000
const LONGEST_NAME = 200

/** Throws `admin_key_refused`, or that the provider could not be asked. */
export async function readProviderBill(upstream: Upstream, question: BillQuestion): Promise<ProviderBill> {
  const { billing } = question.provider
  const until = performance.now() + LONGEST_MS
  const usage: BillEntry[] = []
  for (const report of billing.usage) {
    await readReport(upstream, { ...question, until }, { path: report.path, groupBy: 'model' }, (day, result) =>
      usage.push(readUsage(report, day, result)),
    )
  }
  const { costs } = billing
  if (question.apiKeyIds.length > 0 && !costs.byApiKey) return { usage, charges: null }
  const charges: ChargeEntry[] = []
  await readReport(upstream, { ...question, until }, costs, (day, result) =>
    charges.push(readCharge(billing, question, day, result)),
  )
  return { usage, charges }
}

async function readReport(
  upstream: Upstream,
  question: TimedQuestion,
  report: { readonly path: string; readonly groupBy: string },
  take: (day: string, result: JsonObject) => void,
): Promise<void> {
  const { provider } = question
  const seen = new Set<string>()
  let page: string | null = null
  do {
    const answer = await askPage(upstream, question, report, page)
    const buckets = answer['data']
    if (!Array.isArray(buckets)) throw unreadable(provider)
    for (const bucket of buckets.map(asObject)) {
      const day = bucket && readDay(provider.billing, bucket)
      const results = bucket?.['results']
      if (!day || !Array.isArray(results)) throw unreadable(provider)
      for (const result of results.map(asObject)) if (result) take(day, result)
    }
    page = answer['has_more'] === true ? asText(answer['next_page']) : null
    if (answer['has_more'] === true && (page === null || seen.has(page) || seen.size >= MOST_PAGES)) {
      throw unreadable(provider)
    }
    if (page !== null) seen.add(page)
  } while (page !== null)
}

async function askPage(
  upstream: Upstream,
  { provider, key, from, to, apiKeyIds, until }: TimedQuestion,
  report: { readonly path: string; readonly groupBy: string },
  page: string | null,
): Promise<JsonObject> {
  const { range, mostBuckets } = provider.billing
  const query = new URLSearchParams([
    [range.from, writeMoment(range.as, from)],
    [range.to, writeMoment(range.as, to)],
    ['bucket_width', '1d'],
    ['group_by[]', report.groupBy],
    ...apiKeyIds.map((id) => ['api_key_ids[]', id]),
    ['limit', String(mostBuckets)],
    ...(page === null ? [] : [['page', page]]),
  ])
  const headers = ['accept', 'application/json', 'accept-encoding', 'identity', 'user-agent', 'uniroute']
  for (const [name, value] of Object.entries(provider.defaultHeaders)) headers.push(name, value)
  const { name, scheme } = provider.authHeader({})
  headers.push(name, scheme + revealSecret(key))
  const path = `${providerPath(provider, null, report.path)}?${query.toString()}`
  const request = { origin: provider.origin, guarded: false, method: 'GET', path, headers, body: null } as const
  const left = until - performance.now()
  if (left <= 0) throw new GatewayError('timeout', { message: `${provider.name} is slow. Ask for a shorter range.` })
  const result = await requestOnce(upstream, request, { ...PAGE, timeoutMs: Math.min(PAGE.timeoutMs, left) })
  if (result.kind === 'unreachable') {
    if (result.why === 'too-large') throw unreadable(provider)
    throw new GatewayError('upstream_error', { message: `${provider.name} could not be reached. Try again later.` })
  }
  const text = result.body.toString('utf8')
  if (result.status !== 200) throw refusalOf(provider, result.status, text)
  const answer = asObject(parseJson(text))
  if (!answer) throw unreadable(provider)
  return answer
}

/** In our words: a provider's own may quote the key. */
function refusalOf({ name, billing }: BillQuestion['provider'], status: number, text: string): GatewayError {
  const scopes = findMissingScopes(text)
  if (scopes.length > 0 || status === 403) {
    const lacks = scopes.length > 0 ? scopes.join(', ') : billing.scope
    return new GatewayError('admin_key_refused', {
      message: `${name} knows this admin key, but it lacks the scope ${lacks}. Make one that may read usage: ${billing.adminKeyFrom}.`,
    })
  }
  if (status === 401) {
    return new GatewayError('admin_key_refused', {
      message: `${name} rejected this admin key. It may have been deleted; ${billing.adminKeyFrom}.`,
    })
  }
  if (status === 429) {
    return new GatewayError('overloaded', { message: `${name} limits how often usage is read. Try again in a minute.` })
  }
  return new GatewayError('upstream_error', { message: `${name} answered with status ${status}. Try again later.` })
}

/** Names of scopes only, such as `api.usage.read`. */
function findMissingScopes(text: string): string[] {
  const error = asObject(asObject(parseJson(text))?.['error'])
  const named = /missing scopes?:?\s*([\w.:, -]+)/i.exec(asText(error?.['message']) ?? '')?.[1] ?? ''
  return named
    .split(/[\s,]+/)
    .flatMap((word) => /^[a-z]+(?:[._][a-z]+){1,4}(?=\.?$)/.exec(word)?.[0] ?? [])
    .slice(0, 5)
}

function readUsage(report: UsageReport, day: string, result: JsonObject): BillEntry {
  const sum = (paths: readonly string[]): number | null =>
    paths.length === 0 ? null : paths.reduce((total, path) => total + (asCount(at(result, path)) ?? 0), 0)
  return {
    day,
    model: readName(result['model']) ?? 'other',
    requests: sum(report.requests),
    inputTokens: sum(report.input),
    cacheReadTokens: sum(report.cacheRead),
    cacheWriteTokens: sum(report.cacheWrite),
    outputTokens: sum(report.output),
  }
}

function readCharge({ costs }: BillingApi, { provider }: BillQuestion, day: string, result: JsonObject): ChargeEntry {
  const amount = Number(at(result, costs.amount) ?? NaN)
  const currency = asText(at(result, costs.currency))?.toLowerCase()
  if (!Number.isFinite(amount) || (currency !== undefined && currency !== 'usd')) throw unreadable(provider)
  const model = readName(at(result, costs.model))?.split(',')[0] || readName(at(result, costs.otherwise)) || 'other'
  return { day, model, costMicros: amount * costs.microsPerUnit }
}

function at(result: JsonObject, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => asObject(value)?.[name], result)
}

function readName(value: unknown): string | null {
  const text = asText(value)
    ?.replace(/\p{Cc}/gu, ' ')
    .trim()
  return text ? text.slice(0, LONGEST_NAME) : null
}

function readDay({ bucketStart, range }: BillingApi, bucket: JsonObject): string | null {
  const value = bucket[bucketStart]
  const moment = range.as === 'seconds' ? (asCount(value) ?? NaN) * 1000 : Date.parse(asText(value) ?? '')
  return Number.isNaN(new Date(moment).getTime()) ? null : new Date(moment).toISOString().slice(0, 10)
}

function writeMoment(as: BillingApi['range']['as'], at: number): string {
  return as === 'seconds' ? String(at / 1000) : new Date(at).toISOString().replace('.000', '')
}

function unreadable({ name }: Provider): GatewayError {
  return new GatewayError('upstream_malformed', { message: `${name} sent an answer that is no report of usage.` })
}
