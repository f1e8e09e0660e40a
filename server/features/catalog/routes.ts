// The catalogue over HTTP: what one can reach, everybody's and one's own aliases, and the administrators' overrides.
import {
  aliasAnswerSchema,
  aliasBodySchema,
  aliasListSchema,
  aliasParamsSchema,
  aliasSchema,
  overrideAnswerSchema,
  overrideBodySchema,
  overrideListSchema,
  overrideParamsSchema,
  overrideSchema,
  reachableModelListSchema,
  removedSchema,
  type Alias,
  type ReachableModel,
} from '../../../contract/catalog.ts'
import { errorSchema } from '../../../contract/common.ts'
import { CONTROL_BODY_CAP, type ControlRequest, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { CatalogActor, CatalogService } from './service.ts'
import type { AliasOwner } from './store.ts'

const SHARED = { credential: 'session', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const
const OVERRIDES = '/admin/catalog/overrides'

const invalid = { description: 'A field is missing or wrong', schema: errorSchema }
const unknown = { description: 'There is nothing of that name', schema: errorSchema }
const conflict = { description: 'There are too many already', schema: errorSchema }

const actorOf = ({ principal, ip }: ControlRequest): CatalogActor => ({ userId: principal.userId, ip })

export function createCatalogRoutes(
  catalog: CatalogService,
  listReachable: (userId: string) => Promise<ReachableModel[]>,
): ControlRoute[] {
  return [
    defineControlRoute({
      ...SHARED,
      role: 'user',
      method: 'GET',
      path: '/admin/models',
      summary: 'The models you can reach, with limits, prices and aliases',
      answers: { 200: { description: 'By provider, as the providers list them', schema: reachableModelListSchema } },
      async handle({ principal }) {
        return { status: 200, body: { models: await listReachable(principal.userId) } }
      },
    }),
    ...createAliasRoutes(catalog, {
      path: '/admin/catalog/aliases',
      role: 'admin',
      ownerOf: () => null,
      whose: 'for everybody',
    }),
    ...createAliasRoutes(catalog, {
      path: '/admin/aliases',
      role: 'user',
      ownerOf: ({ principal }) => principal.userId,
      whose: 'for yourself',
    }),
    ...createOverrideRoutes(catalog),
  ]
}

function listTargets({ target, targets }: Alias): string {
  return targets?.map(({ model }) => model).join(', ') ?? target
}

interface AliasAddress {
  readonly path: string
  readonly role: 'user' | 'admin'
  readonly ownerOf: (request: ControlRequest) => AliasOwner
  readonly whose: string
}

function createAliasRoutes(catalog: CatalogService, { path, role, ownerOf, whose }: AliasAddress): ControlRoute[] {
  const one = { ...SHARED, role, path: `${path}/*name`, params: aliasParamsSchema } as const
  return [
    defineControlRoute({
      ...SHARED,
      role,
      method: 'GET',
      path,
      summary: `Names that stand for models, ${whose}`,
      answers: { 200: { description: 'By name', schema: aliasListSchema } },
      async handle(request) {
        return { status: 200, body: { aliases: await catalog.listAliases(ownerOf(request)) } }
      },
    }),
    defineControlRoute({
      ...one,
      method: 'GET',
      summary: `One alias, ${whose}`,
      answers: { 200: { description: 'The alias', schema: aliasSchema }, 404: unknown },
      async handle(request) {
        return { status: 200, body: await catalog.getAlias(ownerOf(request), request.params.name) }
      },
    }),
    defineControlRoute({
      ...one,
      method: 'PUT',
      summary: `Let a name stand for a model, ${whose}`,
      body: aliasBodySchema,
      answers: { 200: { description: 'In force', schema: aliasAnswerSchema }, 400: invalid, 409: conflict },
      async handle(request) {
        const { params, body } = request
        const alias = await catalog.putAlias(ownerOf(request), params.name, body, actorOf(request))
        return { status: 200, body: { message: `"${alias.name}" now stands for ${listTargets(alias)}.`, alias } }
      },
    }),
    defineControlRoute({
      ...one,
      method: 'DELETE',
      summary: `Remove an alias, ${whose}`,
      answers: { 200: { description: 'Removed', schema: removedSchema }, 404: unknown },
      async handle(request) {
        await catalog.removeAlias(ownerOf(request), request.params.name, actorOf(request))
        return { status: 200, body: { message: 'The alias is removed.' } }
      },
    }),
  ]
}

function createOverrideRoutes(catalog: CatalogService): ControlRoute[] {
  const one = { ...SHARED, role: 'admin', path: `${OVERRIDES}/:provider/*model`, params: overrideParamsSchema } as const
  return [
    defineControlRoute({
      ...SHARED,
      role: 'admin',
      method: 'GET',
      path: OVERRIDES,
      summary: 'What is said of models in the place of the built-in data',
      answers: { 200: { description: 'By provider and model', schema: overrideListSchema } },
      async handle() {
        return { status: 200, body: { overrides: await catalog.listOverrides() } }
      },
    }),
    defineControlRoute({
      ...one,
      method: 'GET',
      summary: 'What is said of one model',
      answers: { 200: { description: 'The override', schema: overrideSchema }, 404: unknown },
      async handle({ params }) {
        return { status: 200, body: await catalog.getOverride(params.provider, params.model) }
      },
    }),
    defineControlRoute({
      ...one,
      method: 'PUT',
      summary: 'Set prices, limits and peculiarities of a model, hide it or switch it off',
      body: overrideBodySchema,
      answers: {
        200: { description: 'In force', schema: overrideAnswerSchema },
        400: invalid,
        404: unknown,
        409: conflict,
      },
      async handle(request) {
        const { provider, model } = request.params
        const override = await catalog.putOverride(provider, model, request.body, actorOf(request))
        return { status: 200, body: { message: 'In force from the next request on; past costs stay.', override } }
      },
    }),
    defineControlRoute({
      ...one,
      method: 'DELETE',
      summary: 'Go back to the built-in data of a model',
      answers: { 200: { description: 'Removed', schema: removedSchema }, 404: unknown },
      async handle(request) {
        await catalog.removeOverride(request.params.provider, request.params.model, actorOf(request))
        return { status: 200, body: { message: 'The built-in data holds again; past costs stay.' } }
      },
    }),
  ]
}
