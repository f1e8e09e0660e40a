// The addresses under `/auth/second-factor`, and the one with which an administrator takes somebody's away.
import { messageAnswerSchema } from '../../../contract/accounts.ts'
import { userParamsSchema } from '../../../contract/admin-users.ts'
import {
  begunFactorSchema,
  confirmFactorBodySchema,
  provePasswordBodySchema,
  recoveryCodesSchema,
  secondFactorSchema,
} from '../../../contract/second-factor.ts'
import { type ControlRequest, type ControlRoute, defineControlRoute, SIGN_IN_BODY_CAP } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { toTimestamp } from './answers.ts'
import type { SecondFactor } from './second-factor.ts'

const SHARED = { credential: 'session', bodyCap: SIGN_IN_BODY_CAP, rateClass: 'control' } as const
const OWN = { ...SHARED, role: 'user' } as const
const PATH = '/auth/second-factor'

const callerOf = ({ principal, ip }: Pick<ControlRequest, 'principal' | 'ip'>) => ({ userId: principal.userId, ip })

export function createFactorRoutes({ secondFactor }: { secondFactor: SecondFactor }): ControlRoute[] {
  return [
    defineControlRoute({
      ...OWN,
      method: 'GET',
      path: PATH,
      mayLackFactor: true,
      summary: 'Whether your sign-in asks for a second proof',
      answers: { 200: { description: 'Your second factor', schema: secondFactorSchema } },
      async handle({ principal }) {
        const { confirmedAt, codesLeft } = await secondFactor.describe(principal.userId)
        const confirmed_at = confirmedAt === null ? null : toTimestamp(confirmedAt)
        return { status: 200, body: { confirmed_at, recovery_codes_left: codesLeft } }
      },
    }),
    defineControlRoute({
      ...OWN,
      method: 'POST',
      path: PATH,
      mayLackFactor: true,
      summary: 'A secret for an authenticator app, shown in this answer only; it counts once it is confirmed',
      body: provePasswordBodySchema,
      answers: { 201: { description: 'Begun', schema: begunFactorSchema } },
      handle: async (request) => ({
        status: 201,
        body: await secondFactor.begin(callerOf(request), request.body.password),
      }),
    }),
    defineControlRoute({
      ...OWN,
      method: 'POST',
      path: `${PATH}/confirm`,
      mayLackFactor: true,
      summary: 'Show that the app has the secret; recovery codes are shown in this answer only',
      body: confirmFactorBodySchema,
      answers: { 200: { description: 'From now on sign-in asks for it', schema: recoveryCodesSchema } },
      handle: async (request) => ({
        status: 200,
        body: { recovery_codes: await secondFactor.confirm(callerOf(request), request.body.code) },
      }),
    }),
    defineControlRoute({
      ...OWN,
      method: 'POST',
      path: `${PATH}/recovery-codes`,
      summary: 'New recovery codes in the place of the old ones, shown in this answer only',
      body: provePasswordBodySchema,
      answers: { 200: { description: 'Made', schema: recoveryCodesSchema } },
      handle: async (request) => ({
        status: 200,
        body: { recovery_codes: await secondFactor.replaceCodes(callerOf(request), request.body.password) },
      }),
    }),
    defineControlRoute({
      ...OWN,
      method: 'POST',
      path: `${PATH}/remove`,
      summary: 'Sign in with the password alone again',
      body: provePasswordBodySchema,
      answers: { 200: { description: 'Removed', schema: messageAnswerSchema } },
      async handle(request) {
        await secondFactor.remove(callerOf(request), request.body.password)
        return { status: 200, body: { message: 'The second factor is removed.' } }
      },
    }),
    createRemovalRoute(secondFactor),
  ]
}

function createRemovalRoute(secondFactor: SecondFactor): ControlRoute {
  return defineControlRoute({
    ...SHARED,
    role: 'admin',
    method: 'DELETE',
    path: '/admin/users/:id/second-factor',
    recentSignIn: true,
    summary: "Take away a user's second factor, for somebody who lost it",
    params: userParamsSchema,
    answers: { 200: { description: 'Removed', schema: messageAnswerSchema } },
    async handle({ params, principal, ip }) {
      if (!(await secondFactor.removeFor(params.id, { actorId: principal.userId, ip }))) {
        throw new GatewayError('not_found', { message: 'There is no such user with a second factor.' })
      }
      return { status: 200, body: { message: 'The second factor is removed.' } }
    },
  })
}
