// The addresses under `/auth/api-keys`, for signed-in users, each seeing only their own.
import {
  apiKeyListQuerySchema,
  apiKeyListSchema,
  apiKeyParamsSchema,
  apiKeySchema,
  createApiKeyBodySchema,
  newApiKeySchema,
  rotateApiKeyBodySchema,
  updateApiKeyBodySchema,
} from '../../../contract/api-keys.ts'
import { messageAnswerSchema } from '../../../contract/accounts.ts'
import { CONTROL_BODY_CAP, type ControlRequest, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { Clock } from '../../kernel/clock.ts'
import { parseStoredFallback } from '../../kernel/fallback.ts'
import { parsePublicId, toPublicId } from '../../kernel/ids.ts'
import { describeLimits } from '../../kernel/limits.ts'
import { type BudgetPeriod, endOfPeriod } from '../../kernel/periods.ts'
import { parseTexts } from './context.ts'
import { KEY_PREFIX } from './key-format.ts'
import { notFound, type ApiKeyService, type Owner } from './service.ts'
import type { ApiKeyRow } from './store.ts'

const SIGNED_IN = { credential: 'session', role: 'user', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const

/** Nano-dollars that count against the budget of a key in its running period. */
export type ReadSpent = (keyId: string, period: BudgetPeriod) => Promise<number>

export function createApiKeyRoutes(tools: {
  service: ApiKeyService
  clock: Clock
  readSpent: ReadSpent
}): ControlRoute[] {
  const { service, clock, readSpent } = tools

  async function describe(row: ApiKeyRow): Promise<object> {
    const period = row.budget_period as BudgetPeriod | null
    const now = clock.now()
    if (row.budget_usd_nanos === null || period === null) return { ...describeApiKey(row, now), budget_use: null }
    const spent = await readSpent(row.id, period)
    const budget_use = {
      spent_usd_micros: Math.round(spent / 1000),
      resets_at: toTimestamp(endOfPeriod(period, now)),
    }
    return { ...describeApiKey(row, now), budget_use }
  }

  return [
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/auth/api-keys',
      summary: 'Make an API key; it is shown in this answer only',
      body: createApiKeyBodySchema,
      answers: { 201: { description: 'Made', schema: newApiKeySchema } },
      async handle(request) {
        const { row, key } = await service.create(request.body, ownerOf(request))
        return { status: 201, body: { ...(await describe(row)), key } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'GET',
      path: '/auth/api-keys',
      summary: 'Your API keys, the newest first',
      query: apiKeyListQuerySchema,
      answers: { 200: { description: 'Your API keys', schema: apiKeyListSchema } },
      async handle({ principal, query }) {
        const rows = await service.list(principal.userId, query.revoked === 'true')
        return { status: 200, body: { keys: await Promise.all(rows.map(describe)) } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'PATCH',
      path: '/auth/api-keys/:id',
      summary: 'Change an API key; null takes a limit away',
      params: apiKeyParamsSchema,
      body: updateApiKeyBodySchema,
      answers: { 200: { description: 'Changed', schema: apiKeySchema } },
      async handle(request) {
        const row = await service.update(idOf(request.params), request.body, ownerOf(request))
        return { status: 200, body: await describe(row) }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'POST',
      path: '/auth/api-keys/:id/rotate',
      summary: 'Replace an API key by a new one with the same id and limits',
      params: apiKeyParamsSchema,
      body: rotateApiKeyBodySchema,
      answers: { 200: { description: 'Rotated; the new key is shown in this answer only', schema: newApiKeySchema } },
      async handle(request) {
        const { row, key } = await service.rotate(idOf(request.params), request.body.overlap_seconds, ownerOf(request))
        return { status: 200, body: { ...(await describe(row)), key } }
      },
    }),
    defineControlRoute({
      ...SIGNED_IN,
      method: 'DELETE',
      path: '/auth/api-keys/:id',
      summary: 'Revoke an API key at once and for good',
      params: apiKeyParamsSchema,
      answers: { 200: { description: 'Revoked', schema: messageAnswerSchema } },
      async handle(request) {
        await service.revoke(idOf(request.params), ownerOf(request))
        return { status: 200, body: { message: 'The API key is revoked.' } }
      },
    }),
  ]
}

function ownerOf({ principal, ip }: Pick<ControlRequest, 'principal' | 'ip'>): Owner {
  return { userId: principal.userId, ip }
}

function idOf(params: { id: string }): string {
  const id = parsePublicId('ak', params.id)
  if (id === undefined) throw notFound()
  return id
}

function describeApiKey(row: ApiKeyRow, now: number): object {
  const overlapEnd = row.previous_expires_at
  return {
    id: toPublicId('ak', row.id),
    name: row.name,
    team_id: row.team_id === null ? null : toPublicId('team', row.team_id),
    prefix: KEY_PREFIX,
    last4: row.last4,
    is_active: row.is_active,
    expires_at: toTimestamp(row.expires_at),
    ...describeLimits(row),
    allowed_models: row.allowed_models === null ? null : parseTexts(row.allowed_models),
    allowed_payers: row.allowed_payers === null ? null : parseTexts(row.allowed_payers),
    fallback: parseStoredFallback(row.fallback),
    previous_expires_at: overlapEnd !== null && overlapEnd > now ? toTimestamp(overlapEnd) : null,
    version: row.version,
    last_used_at: toTimestamp(row.last_used_at),
    created_at: toTimestamp(row.created_at),
    updated_at: toTimestamp(row.updated_at),
  }
}

function toTimestamp(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString()
}
