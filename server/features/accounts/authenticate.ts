// The one place that accepts a credential, for both planes. It has two answers: who calls, or a GatewayError.
// A credential of the wrong kind is refused with a sentence that says which one belongs here; it is never tried as the
// other kind, so an API key opens no management address and a session pays for no traffic.
import type { Credential, Principal } from '../../http/route.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { ApiKeys } from '../api-keys/api-keys.ts'
import type { ApiKeyContext } from '../api-keys/context.ts'
import type { Accounts } from './accounts.ts'

export interface Authenticator {
  /** Who calls; what the http room is handed. */
  authenticate(credential: Credential): Promise<Principal>
  /** The same for an API key, with all the data plane needs to know about it. */
  authenticateApiKey(key: string): Promise<ApiKeyContext>
  /** The data plane's first look: from memory, without a promise. Undefined means: ask `authenticateApiKey`. */
  peekApiKey(key: string): ApiKeyContext | undefined
}

const SESSION_SHAPE = /^eyJ[A-Za-z0-9_-]*\./

export function createAuthenticate(rooms: {
  accounts: Pick<Accounts, 'authenticateSession'>
  apiKeys: Pick<ApiKeys, 'authenticateApiKey' | 'peekApiKey'>
}): Authenticator {
  const { accounts, apiKeys } = rooms

  async function authenticateApiKey(key: string): Promise<ApiKeyContext> {
    if (SESSION_SHAPE.test(key)) {
      throw new GatewayError('invalid_api_key', {
        message:
          'This is the token of a signed-in session. Calls under /v1 need a UniRoute API key (ur_…); create one first.',
      })
    }
    return apiKeys.authenticateApiKey(key)
  }

  return {
    async authenticate(credential) {
      if (credential.kind === 'api-key') return (await authenticateApiKey(credential.key)).principal
      if (credential.token.startsWith('ur_')) {
        throw new GatewayError('unauthenticated', {
          message:
            'This is a UniRoute API key; it opens the model endpoints under /v1 only. Sign in and send the token of POST /auth/login.',
        })
      }
      return accounts.authenticateSession(credential.token)
    },
    authenticateApiKey,
    peekApiKey: (key) => apiKeys.peekApiKey(key),
  }
}
