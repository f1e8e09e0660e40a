// `/admin/provider-keys`: every signed-in user's own provider keys, over HTTP.
import {
  addProviderKeyBodySchema,
  editProviderKeyBodySchema,
  keyUsageQuerySchema,
  providerKeyAnswerSchema,
  providerKeyDeletedSchema,
  providerKeyImpactSchema,
  providerKeyListQuerySchema,
  providerKeyListSchema,
  providerKeyParamsSchema,
  providerKeyStandInSchema,
  providerKeyTestSchema,
  providerKeyUsageSchema,
  replaceProviderKeyBodySchema,
  testProviderKeyBodySchema,
} from '../../../contract/provider-keys.ts'
import { errorSchema } from '../../../contract/common.ts'
import { CONTROL_BODY_CAP, type ControlRequest, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { KeyActor } from './context.ts'
import type { ProviderKeyService } from './service.ts'

const OWN = {
  credential: 'session',
  role: 'user',
  bodyCap: CONTROL_BODY_CAP,
  rateClass: 'control',
} as const
const COLLECTION = '/admin/provider-keys'
const ONE = `${COLLECTION}/:ref`

const invalid = { description: 'A field is missing or wrong', schema: errorSchema }
const unknown = { description: 'No such provider, or no such key of yours', schema: errorSchema }
const conflict = { description: 'The key is saved already, or somebody was faster', schema: errorSchema }
const unreadable = { description: 'The stored key cannot be opened', schema: errorSchema }

function actorOf({ principal, ip }: ControlRequest): KeyActor {
  return { userId: principal.userId, ip }
}

// size: a table of routes.
export function createProviderKeyRoutes(keys: ProviderKeyService): ControlRoute[] {
  return [
    defineControlRoute({
      ...OWN,
      method: 'POST',
      path: COLLECTION,
      summary: 'Save a provider key',
      body: addProviderKeyBodySchema,
      answers: {
        201: { description: 'Saved', schema: providerKeyAnswerSchema },
        400: invalid,
        404: unknown,
        409: conflict,
      },
      async handle(request) {
        const key = await keys.addProviderKey(actorOf(request), request.body)
        return { status: 201, body: { message: 'The key is saved.', provider: key.provider, key } }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'GET',
      path: COLLECTION,
      summary: 'List your provider keys; on demand with what stood in for them, and with those others share',
      query: providerKeyListQuerySchema,
      answers: { 200: { description: 'Your keys, by provider and in order', schema: providerKeyListSchema } },
      async handle({ principal, query }) {
        return { status: 200, body: await keys.listWith(principal.userId, query.include ?? []) }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'POST',
      path: `${COLLECTION}/test`,
      summary: 'Test a key that is not saved, without charging it',
      body: testProviderKeyBodySchema,
      answers: {
        200: { description: 'What the provider said', schema: providerKeyTestSchema },
        400: invalid,
        404: unknown,
      },
      async handle({ body }) {
        return { status: 200, body: await keys.testUnsavedKey(body) }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'PUT',
      path: ONE,
      summary: 'Replace the secret of a provider key, or save the first one of a provider',
      params: providerKeyParamsSchema,
      body: replaceProviderKeyBodySchema,
      answers: {
        200: { description: 'Replaced', schema: providerKeyAnswerSchema },
        201: { description: 'Saved as the first key of this provider', schema: providerKeyAnswerSchema },
        400: invalid,
        404: unknown,
        409: conflict,
      },
      async handle(request) {
        const { created, key } = await keys.updateProviderKey(actorOf(request), request.params.ref, request.body)
        const message = created ? 'The key is saved.' : 'The key is replaced; the old one is destroyed.'
        return { status: created ? 201 : 200, body: { message, provider: key.provider, key } }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'PATCH',
      path: ONE,
      summary: 'Change anything of a provider key but its secret',
      params: providerKeyParamsSchema,
      body: editProviderKeyBodySchema,
      answers: {
        200: { description: 'Changed', schema: providerKeyAnswerSchema },
        400: invalid,
        404: unknown,
        409: conflict,
      },
      async handle(request) {
        const key = await keys.editProviderKey(actorOf(request), request.params.ref, request.body)
        return { status: 200, body: { message: 'The key is changed.', provider: key.provider, key } }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'DELETE',
      path: ONE,
      summary: 'Destroy a provider key, at once and for good',
      params: providerKeyParamsSchema,
      answers: { 200: { description: 'Destroyed', schema: providerKeyDeletedSchema }, 404: unknown },
      async handle(request) {
        const { provider } = await keys.deleteProviderKey(actorOf(request), request.params.ref)
        const message = 'The key is destroyed. Revoke it at the provider too: old backups may still hold it sealed.'
        return { status: 200, body: { message, provider } }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'POST',
      path: `${ONE}/test`,
      summary: 'Test a saved key, without charging it',
      params: providerKeyParamsSchema,
      answers: {
        200: { description: 'What the provider said', schema: providerKeyTestSchema },
        404: unknown,
        503: unreadable,
      },
      async handle({ principal, params }) {
        return { status: 200, body: await keys.testProviderKey(principal.userId, params.ref) }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'GET',
      path: `${ONE}/usage`,
      summary: 'What one key paid for, by day, model and payer; its borrowers included',
      params: providerKeyParamsSchema,
      query: keyUsageQuerySchema,
      answers: { 200: { description: 'The use of the key', schema: providerKeyUsageSchema }, 404: unknown },
      async handle({ principal, params, query }) {
        return { status: 200, body: await keys.readUsage(principal.userId, params.ref, query) }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'GET',
      path: `${ONE}/impact`,
      summary: 'What used a key in the last seven days, and what it would use instead',
      params: providerKeyParamsSchema,
      answers: { 200: { description: 'The impact of losing it', schema: providerKeyImpactSchema }, 404: unknown },
      async handle({ principal, params }) {
        return { status: 200, body: await keys.previewImpact(principal.userId, params.ref) }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'GET',
      path: `${ONE}/stand-in`,
      summary: 'How many requests the server paid for since a key was rejected or ran out of credit',
      params: providerKeyParamsSchema,
      answers: { 200: { description: 'What stood in for the key', schema: providerKeyStandInSchema }, 404: unknown },
      async handle({ principal, params }) {
        return { status: 200, body: await keys.readStandIn(principal.userId, params.ref) }
      },
    }),
  ]
}
