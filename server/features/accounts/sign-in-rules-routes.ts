// The address under which administrators read and set what signing in asks for.
import { signInRulesBodySchema, signInRulesSchema } from '../../../contract/sign-in-rules.ts'
import { type ControlRoute, defineControlRoute, SIGN_IN_BODY_CAP } from '../../http/route.ts'
import type { SignInRules } from './sign-in-rules.ts'

const ADMIN = { credential: 'session', role: 'admin', bodyCap: SIGN_IN_BODY_CAP, rateClass: 'control' } as const
const PATH = '/admin/sign-in'

export function createSignInRulesRoutes({ rules }: { rules: SignInRules }): ControlRoute[] {
  return [
    defineControlRoute({
      ...ADMIN,
      method: 'GET',
      path: PATH,
      summary: 'Of whom a second factor is demanded',
      answers: { 200: { description: 'The rules', schema: signInRulesSchema } },
      handle: async () => ({ status: 200, body: { require_second_factor: await rules.read() } }),
    }),
    defineControlRoute({
      ...ADMIN,
      method: 'PUT',
      recentSignIn: true,
      path: PATH,
      summary: 'Demand a second factor of nobody, of administrators or of everyone',
      body: signInRulesBodySchema,
      answers: { 200: { description: 'It holds from the next request on', schema: signInRulesSchema } },
      async handle({ body, principal, ip }) {
        await rules.set(body.require_second_factor, { actorId: principal.userId, ip })
        return { status: 200, body: { require_second_factor: body.require_second_factor } }
      },
    }),
  ]
}
