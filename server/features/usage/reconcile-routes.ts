// The address under which the ledger is compared with a provider's own count.
import { reconcileAnswerSchema, reconcileBodySchema } from '../../../contract/reconcile.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { Reconciler } from './reconcile.ts'

export function createReconcileRoutes(reconciler: Reconciler): ControlRoute[] {
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
      handle: async ({ body, principal }) => ({ status: 200, body: await reconciler.compare(body, principal) }),
    }),
  ]
}
