// A signed-in user who makes API keys and uses them, on the real rooms of account-rooms.ts.
import { type AccountRooms, useAccountRooms } from './account-rooms.ts'
import type { OpenDatabase } from './databases.ts'

export interface ApiKeyHolder extends AccountRooms {
  readonly user: { id: string; token: string }
  make(fields?: object): Promise<any>
  patch(id: string, body: object): Promise<any>
  /** How the key fares: its context, or the error's code. */
  ask(key: string): Promise<any>
}

export function useApiKeyHolder(): (open: OpenDatabase) => Promise<ApiKeyHolder> {
  const openRooms = useAccountRooms()
  return async (open) => {
    const rooms = await openRooms(await open())
    const user = await rooms.makeUser('a@example.org')
    return {
      ...rooms,
      user,
      async make(fields = {}) {
        const made = await rooms.send('POST', '/auth/api-keys', {
          token: user.token,
          body: { name: 'laptop', ...fields },
        })
        if (made.status !== 201) throw new Error(`${made.status} ${JSON.stringify(made.body)}`)
        return made.body
      },
      patch: async (id, body) => rooms.send('PATCH', `/auth/api-keys/${id}`, { token: user.token, body }),
      ask: (key) => rooms.authenticator.authenticateApiKey(key).catch((error) => error),
    }
  }
}
