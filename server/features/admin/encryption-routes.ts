// The addresses of the master key: where its change stands, and the three things an administrator does about it.
import { encryptionStatusSchema, rotateBodySchema, rotationAnswerSchema } from '../../../contract/encryption.ts'
import { CONTROL_BODY_CAP, type ControlRoute, defineControlRoute } from '../../http/route.ts'
import type { VaultRotation } from './vault-rotation.ts'

const ADMIN = { credential: 'session', role: 'admin', bodyCap: CONTROL_BODY_CAP, rateClass: 'control' } as const

export function createEncryptionRoutes(options: {
  rotation: Pick<VaultRotation, 'rotate' | 'readStatus'>
}): ControlRoute[] {
  const { rotation } = options
  return [
    defineControlRoute({
      ...ADMIN,
      method: 'GET',
      path: '/admin/encryption',
      summary: 'The master keys, what depends on each, and how far a change of them is',
      answers: { 200: { description: 'Where it stands', schema: encryptionStatusSchema } },
      handle: async () => ({ status: 200, body: await rotation.readStatus() }),
    }),
    defineControlRoute({
      ...ADMIN,
      method: 'POST',
      recentSignIn: true,
      path: '/admin/encryption/rotate',
      summary: 'Move every sealed value to another master key, pause that, or retire the old key',
      body: rotateBodySchema,
      answers: {
        200: { description: 'It runs already, or there is nothing to do', schema: rotationAnswerSchema },
        202: { description: 'Begun, paused or retired', schema: rotationAnswerSchema },
      },
      async handle({ body, principal, ip }) {
        const { changed, rotation: answer } = await rotation.rotate(body, { userId: principal.userId, ip })
        return { status: changed ? 202 : 200, body: { rotation: answer } }
      },
    }),
  ]
}
