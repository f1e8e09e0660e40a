// The address under which the ledger is compared with a provider's own count.
import { reconcileAnswerSchema, reconcileBodySchema, type ReconcileBody } from '../../../contract/reconcile.ts'
import { CONTROL_BODY_CAP, type ControlRequest, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Audit, AuditEntry } from '../audit/audit.ts'
import type { Reconciler } from './reconcile.ts'

/** Who tried what they may not, or with a key that the provider refuses. */
const TOLD: ReadonlySet<string> = new Set(['forbidden', 'admin_key_refused'])

type Compared = Pick<ControlRequest<ReconcileBody>, 'body' | 'principal' | 'ip'>

/** Who compared whose usage; of the admin key, nothing. */
function entryOf({ body, principal, ip }: Compared, refusal: string | null): AuditEntry {
  const { provider, keys, from, to } = body
  return {
    actorType: 'user',
    actorId: principal.userId,
    ip,
    action: refusal === null ? 'usage.reconciled' : 'usage.reconcile-refused',
    targetType: 'provider',
    targetId: provider,
    details: { keys, from, to, ...(refusal !== null && { code: refusal }) },
  }
}

export function createReconcileRoutes(reconciler: Reconciler, audit: Pick<Audit, 'record'>): ControlRoute[] {
  return [
    defineControlRoute({
      method: 'POST',
      path: '/admin/reconcile',
      credential: 'session',
      role: 'user',
      bodyCap: CONTROL_BODY_CAP,
      rateClass: 'control',
      summary: "Compare your usage with the provider's own count, with an admin key that is used once and not kept",
      body: reconcileBodySchema,
      answers: {
        200: { description: 'Both counts by day and model, and the difference', schema: reconcileAnswerSchema },
        400: { description: 'Not an admin key, or one that the provider refuses' },
      },
      async handle(request) {
        try {
          const compared = await reconciler.compare(request.body, request.principal)
          await audit.record(entryOf(request, null))
          return { status: 200, body: compared }
        } catch (error) {
          const refused = error instanceof GatewayError && TOLD.has(error.code)
          if (refused) await audit.record(entryOf(request, error.code))
          throw error
        }
      },
    }),
  ]
}
