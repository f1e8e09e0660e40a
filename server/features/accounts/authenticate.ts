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
  /**
   * Who calls the data plane: the holder of an API key, or a signed-in person under the rules of their account alone.
   */
  authenticateCaller(credential: Credential): Promise<ApiKeyContext>
  /** The same for an API key. */
  authenticateApiKey(key: string): Promise<ApiKeyContext>
  /** The data plane's first look: from memory, without a promise. Undefined means: ask `authenticateApiKey`. */
  peekApiKey(key: string): ApiKeyContext | undefined
  /**
   * Who was let in with this text, as long as they still are. Throws the 401 where not. A session's token may be over
   * by then: its session counts.
   */
  recheck(shown: string): Promise<Principal>
}

const SESSION_SHAPE = /^eyJ[A-Za-z0-9_-]*\./

export function createAuthenticate(rooms: {
  accounts: Pick<Accounts, 'authenticateSession' | 'recheckSession'>
  apiKeys: Pick<ApiKeys, 'authenticateApiKey' | 'peekApiKey' | 'describeCaller'>
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

  async function authenticateSession(token: string, mayLackFactor = false): Promise<Principal> {
    if (token.startsWith('ur_')) {
      throw new GatewayError('unauthenticated', {
        message:
          'This is a UniRoute API key; it opens the model endpoints under /v1 only. Sign in and send the token of POST /auth/login.',
      })
    }
    return accounts.authenticateSession(token, mayLackFactor)
  }

  return {
    async authenticate(credential) {
      if (credential.kind === 'api-key') return (await authenticateApiKey(credential.key)).principal
      return authenticateSession(credential.token, credential.mayLackFactor)
    },
    async authenticateCaller(credential) {
      if (credential.kind === 'api-key') return authenticateApiKey(credential.key)
      const { userId, sessionId } = await authenticateSession(credential.token)
      const caller = await apiKeys.describeCaller(userId, null, sessionId)
      if (!caller) throw new GatewayError('session_expired')
      return caller
    },
    authenticateApiKey,
    async recheck(shown) {
      if (SESSION_SHAPE.test(shown)) return accounts.recheckSession(shown)
      return (apiKeys.peekApiKey(shown) ?? (await authenticateApiKey(shown))).principal
    },
    peekApiKey: (key) => apiKeys.peekApiKey(key),
  }
}
