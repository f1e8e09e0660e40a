// What a free test found, written into the key's state: by its owner's test and by the scheduled one alike.
import type { KeyContext, TestKey } from './context.ts'
import type { StoredProviderKey } from './record.ts'
import { tellStatus } from './key-notices.ts'

export type Finding = Awaited<ReturnType<TestKey>>

const HOUR_MS = 3_600_000
/** After a rejection a key is looked at again after 1, 6 and then every 24 hours. */
const RECHECKS = [HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS] as const

export async function writeFinding(context: KeyContext, key: StoredProviderKey, result: Finding): Promise<void> {
  const { states, store, clock } = context
  // What the gateway noted before goes in first: the test is the newer news.
  await states.flush()
  const at = clock.now()
  const held = key.status === 'invalid' ? (key.probe?.afterMs ?? 0) : 0
  const afterMs = RECHECKS.find((step) => step > held) ?? RECHECKS.at(-1)!
  const changed = await store.markTested({
    id: key.id,
    keyVersion: key.keyVersion,
    at,
    passed: result.status === 'active',
    rejected: result.status === 'invalid',
    reason: 'rejected',
    probe: { at: at + afterMs, afterMs },
  })
  states.invalidate(key.userId)
  if (changed !== null) await tellStatus(context, key, key.status, changed, at)
}
