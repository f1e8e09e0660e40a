// What a free test found, written into the key's state: by its owner's test and by the scheduled one alike.
import type { KeyContext, TestKey } from './context.ts'
import type { StoredProviderKey } from './record.ts'
import { tellStatus } from './key-notices.ts'
import { nextPause } from './pauses.ts'

export type Finding = Awaited<ReturnType<TestKey>>

export async function writeFinding(context: KeyContext, key: StoredProviderKey, result: Finding): Promise<void> {
  const { states, store, clock } = context
  // What the gateway noted before goes in first: the test is the newer news.
  await states.flush()
  const at = clock.now()
  const pause = key.status === 'invalid' ? key.probe : null
  // Tested in the middle of a pause, it is as bad as was known: the pause goes on, and grows no longer.
  const isKnown = pause !== null && pause.at > at
  const afterMs = nextPause('invalid', pause?.afterMs ?? 0)
  const changed = await store.markTested({
    id: key.id,
    keyVersion: key.keyVersion,
    at,
    passed: result.status === 'active',
    rejected: result.status === 'invalid',
    reason: 'rejected',
    tookMs: Math.round(result.latencyMs),
    probe: isKnown ? pause : { at: at + afterMs, afterMs },
  })
  states.invalidate(key.userId)
  if (changed !== null) await tellStatus(context, key, key.status, changed, at)
}
