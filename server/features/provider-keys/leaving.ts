// What becomes of a person's provider keys when their account is deleted: they go, and are erased like any deleted key.
import type { Leaving } from '../accounts/deletion.ts'
import { entryFor, type KeyContext } from './context.ts'
import { removeAllKeys } from './write-key.ts'

export function createLeaving(context: KeyContext): Leaving {
  return {
    async describe(userId) {
      const keys = await context.store.list(userId)
      const names = await context.namesSharedWith?.(userId)
      return { provider_keys: keys.length, shared_with: [...new Set([...(names?.values() ?? [])].flat())].toSorted() }
    },
    async letGo(actor, tx) {
      const keys = await removeAllKeys(context, actor, tx)
      return async () => {
        context.states.invalidate(actor.userId)
        for (const key of keys) await context.shredder.shred(entryFor(actor, 'key.shredded', key))
      }
    },
  }
}
