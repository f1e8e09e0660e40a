// What the dashboard must know of this installation, told by the server so that no page guesses: how one signs in here,
// which providers there are, and what the operator grants.
import {
  type Installation,
  installationSchema,
  type SignInOptions,
  signInOptionsSchema,
} from '../../../contract/installation.ts'
import { type ControlRoute, defineControlRoute } from '../../http/route.ts'

export interface InstallationOptions {
  readonly readSignIn: () => Promise<SignInOptions>
  readonly readInstallation: () => Installation
}

export function createInstallationRoutes({ readSignIn, readInstallation }: InstallationOptions): ControlRoute[] {
  return [
    defineControlRoute({
      method: 'GET',
      path: '/auth/options',
      credential: 'none',
      bodyCap: 0,
      rateClass: 'open',
      summary: 'How one signs in here',
      answers: { 200: { description: 'What is switched on', schema: signInOptionsSchema } },
      handle: async () => ({ status: 200, body: await readSignIn() }),
    }),
    defineControlRoute({
      method: 'GET',
      path: '/admin/installation',
      credential: 'session',
      role: 'user',
      bodyCap: 0,
      rateClass: 'control',
      summary: 'Providers of this installation, and what its operator grants',
      answers: { 200: { description: 'The installation', schema: installationSchema } },
      handle: async () => ({ status: 200, body: readInstallation() }),
    }),
  ]
}
