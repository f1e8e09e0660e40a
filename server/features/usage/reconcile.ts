// The ledger beside a provider's own count, by day and model, with the difference.
// Invariants: an admin key serves the one question it came with: it is never stored, never logged, and no request of
// the data plane can reach it; people see their own keys' calls, only administrators those of the server's key.
import {
  RECONCILE_RANGE_DAYS,
  type BilledFigures,
  type ReconcileAnswer,
  type ReconcileBody,
} from '../../../contract/reconcile.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { Secret } from '../../kernel/secret.ts'
import type { BillingApi } from '../../providers/billing.ts'
import type { Provider } from '../../providers/provider.ts'
import type { Providers } from '../../providers/registry.ts'
import type { Upstream } from '../../upstream/upstream.ts'
import { createBuckets, paceOf } from '../limits/gcra.ts'
import type { Ledger } from './ledger.ts'
import { readProviderBill, type ProviderBill } from './provider-bill.ts'
import { sumPaidCalls, type LedgerSum } from './reconcile-store.ts'

export interface Reconciler {
  compare(body: ReconcileBody, caller: { userId: string; role: 'user' | 'admin' }): Promise<ReconcileAnswer>
}

const DAY_MS = 86_400_000
/** Each comparison asks the provider several times. */
const PACE = paceOf(20, 60_000)

type Side = 'ours' | 'theirs'
type Row = { day: string; model: string } & Record<Side, BilledFigures>

export function createReconciler(tools: {
  database: Pick<Database, 'query'>
  ledger: Pick<Ledger, 'flush'>
  providers: Pick<Providers, 'get' | 'all'>
  upstream: Upstream
  clock: Clock
}): Reconciler {
  const { database, ledger, providers, upstream, clock } = tools
  const buckets = createBuckets({ clock })
  return {
    async compare(body, caller) {
      if (body.keys === 'server' && caller.role !== 'admin') {
        throw new GatewayError('forbidden', { message: "Only administrators compare what the server's keys paid for." })
      }
      const provider = findProvider(providers, body.provider)
      const key = readAdminKey(provider, body.admin_key)
      const range = readRange(body)
      const apiKeyIds = body.api_key_ids ?? []
      const wait = buckets.wait(PACE, caller.userId)
      if (wait > 0) throw new GatewayError('too_many_attempts', { retryAfter: Math.ceil(wait / 1000) })
      buckets.count(PACE, caller.userId)
      const bill = await readProviderBill(upstream, { provider, key, ...range, apiKeyIds })
      await ledger.flush()
      const paidBy = body.keys === 'server' ? ({ server: true } as const) : { userId: caller.userId }
      const sums = await sumPaidCalls(database, { provider: provider.id, paidBy, ...range })
      const rows = joinSides(provider.billing, sums, bill)
      const total = addRows(rows, bill)
      return {
        provider: provider.id,
        keys: body.keys,
        from: new Date(range.from).toISOString(),
        to: new Date(range.to).toISOString(),
        time_zone: 'UTC',
        rows: rows.map((row) => ({ ...row, difference: subtract(row.theirs, row.ours) })),
        total: { ...total, difference: subtract(total.theirs, total.ours) },
        agrees: rows.every(({ ours, theirs }) => Object.values(subtract(theirs, ours)).every((figure) => !figure)),
        notes: writeNotes({ provider, body, bill, sums, isOpen: range.to > clock.now() }),
      }
    },
  }
}

type BillingProvider = Provider & { readonly billing: BillingApi }

function findProvider(providers: Pick<Providers, 'get' | 'all'>, id: string): BillingProvider {
  const found = providers.get(id)
  if (found?.billing) return found as BillingProvider
  const names = providers.all.flatMap((provider) => (provider.billing ? [provider.id] : []))
  throw refuse('provider', `Only some providers tell what an account used. Give one of: ${names.join(', ')}.`)
}

function readAdminKey({ name, billing }: BillingProvider, text: string): Secret {
  const key = text.trim()
  if (!/^[\x21-\x7e]{1,4096}$/.test(key)) {
    throw refuse('admin_key', 'This has spaces, line breaks or characters that no key has. Copy the key again.')
  }
  if (!key.startsWith(billing.adminKeyPrefix)) {
    throw refuse(
      'admin_key',
      `This is no admin key of ${name}, which begin with ${billing.adminKeyPrefix}. An ordinary API key cannot read what an account used: ${billing.adminKeyFrom}.`,
    )
  }
  return new Secret(key)
}

function readRange({ from, to }: ReconcileBody): { from: number; to: number } {
  const range = { from: Date.parse(`${from}T00:00:00Z`), to: Date.parse(`${to}T00:00:00Z`) + DAY_MS }
  if (range.from >= range.to) throw refuse('from', 'The range ends before it begins. Give a `from` before `to`.')
  if (range.to - range.from > RECONCILE_RANGE_DAYS * DAY_MS) {
    throw refuse('from', `The range is longer than ${RECONCILE_RANGE_DAYS} days. Ask for less at a time.`)
  }
  return range
}

function refuse(path: string, message: string): GatewayError {
  return new GatewayError('validation_failed', { message: `${path}: ${message}`, details: [{ path, message }] })
}

const NOTHING: BilledFigures = {
  requests: 0,
  input_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  output_tokens: 0,
  cost_usd_micros: 0,
}

/** Sums of fractions of a micro-dollar are rounded at the end. */
function joinSides(billing: BillingApi, sums: readonly LedgerSum[], bill: ProviderBill): Row[] {
  const rows = new Map<string, Row>()
  const theirs: BilledFigures = {
    ...NOTHING,
    requests: billing.usage.some(({ requests }) => requests.length > 0) ? 0 : null,
    cost_usd_micros: bill.charges === null ? null : 0,
  }
  const add = (day: string, name: string, side: Side, figures: Partial<BilledFigures>): void => {
    const model = name.replace(billing.version, '') || 'unknown'
    const row = rows.get(`${day} ${model}`) ?? { day, model, ours: NOTHING, theirs }
    rows.set(`${day} ${model}`, { ...row, [side]: plus(row[side], { ...NOTHING, ...figures }) })
  }
  for (const sum of sums) {
    add(sum.day, sum.model, 'ours', {
      requests: sum.requests,
      input_tokens: sum.inputTokens,
      cache_read_tokens: sum.cacheReadTokens,
      cache_write_tokens: sum.cacheWriteTokens,
      output_tokens: sum.outputTokens,
      cost_usd_micros: sum.costNanos / 1000,
    })
  }
  for (const entry of bill.usage) {
    add(entry.day, entry.model, 'theirs', {
      requests: entry.requests,
      input_tokens: entry.inputTokens ?? 0,
      cache_read_tokens: entry.cacheReadTokens ?? 0,
      cache_write_tokens: entry.cacheWriteTokens ?? 0,
      output_tokens: entry.outputTokens ?? 0,
    })
  }
  for (const { day, model, costMicros } of bill.charges ?? [])
    add(day, model, 'theirs', { cost_usd_micros: costMicros })
  return [...rows.values()]
    .map((row) => ({ ...row, ours: round(row.ours), theirs: round(row.theirs) }))
    .sort((a, b) => (a.day === b.day ? compare(a.model, b.model) : compare(a.day, b.day)))
}

function addRows(rows: readonly Row[], bill: ProviderBill): Record<Side, BilledFigures> {
  const start = { ...NOTHING, cost_usd_micros: bill.charges === null ? null : 0 }
  const theirs = rows.length === 0 ? start : rows.map((row) => row.theirs).reduce(plus)
  return { ours: rows.map((row) => row.ours).reduce(plus, NOTHING), theirs }
}

type Combine = (a: number, b: number) => number

/** Figure by figure; unknown where either is. */
function combine(a: BilledFigures, b: BilledFigures, how: Combine): BilledFigures {
  const names = Object.keys(NOTHING) as (keyof BilledFigures)[]
  const pairs = names.map((name) => [name, a[name] === null || b[name] === null ? null : how(a[name], b[name])])
  return Object.fromEntries(pairs) as BilledFigures
}

function plus(a: BilledFigures, b: BilledFigures): BilledFigures {
  return combine(a, b, (left, right) => left + right)
}

function subtract(a: BilledFigures, b: BilledFigures): BilledFigures {
  return combine(a, b, (left, right) => left - right)
}

function round(figures: BilledFigures): BilledFigures {
  return combine(figures, NOTHING, (figure) => Math.round(figure))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function writeNotes(known: {
  provider: BillingProvider
  body: ReconcileBody
  bill: ProviderBill
  sums: readonly LedgerSum[]
  isOpen: boolean
}): string[] {
  const { provider, body, bill, sums, isOpen } = known
  const { name, billing } = provider
  const unpriced = sums.reduce((total, sum) => total + sum.unknownCosts, 0)
  const notes = [
    body.api_key_ids === undefined
      ? `${name} counts its whole account: whatever else used it, past UniRoute, stands on its side only. Give api_key_ids to leave other keys out.`
      : `${name} was asked for the API keys you named only; UniRoute cannot check that they are the keys it used.`,
    'A call around midnight may stand on another day there, and models are shown without the dates that name a version.',
  ]
  if (bill.charges === null) notes.push(`${name} does not tell costs by API key, so costs are left out.`)
  if (billing.usage.every(({ requests }) => requests.length === 0)) notes.push(`${name} does not count requests.`)
  if (isOpen) notes.push('The range has not ended: providers take minutes to hours to count, and change recent days.')
  if (unpriced > 0) notes.push(`Of ${unpriced} calls UniRoute does not know the cost; they are in its tokens only.`)
  notes.push('Images, sound, files, tools run by the provider, credits, taxes and discounts are not in the ledger.')
  return notes
}
