// What becomes of a person's API keys when their account is deleted: they stop, and their rows go with the user's.
import type { Audit } from '../audit/audit.ts'
import type { Leaving } from '../accounts/deletion.ts'
import type { ApiKeyStore } from './store.ts'

export function createLeaving({ store, audit }: { store: ApiKeyStore; audit: Audit }): Leaving {
  return {
    describe: async (userId) => ({ api_keys: (await store.list(userId, false)).length }),
    async letGo({ userId, ip }, tx) {
      for (const { id, name, last4 } of await store.list(userId, false, tx)) {
        const entry = { action: 'api-key.revoked', targetType: 'api-key', targetId: id, details: { name, last4 } }
        await audit.record({ actorType: 'user', actorId: userId, ip, ...entry }, tx)
      }
      return () => undefined
    },
  }
}
