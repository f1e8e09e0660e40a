// The care of keys nobody asks about just now: each key is checked by a free call once a day, a rejected one when its
// pause is over, and its owner is told what changed: rejected, back, models lost, about to expire. One instance does it
// for all.
// Invariants: a check never charges a key; what it finds is written as a test's finding is; an occasion is told once.
import type { Database } from '../../database/database.ts'
import { createJobLease } from '../../database/job-lease.ts'
import type { NotificationKind } from '../../../contract/notifications.ts'
import { createUlid } from '../../kernel/ids.ts'
import { createCareStore, type CareKey, type CareStore } from './care-store.ts'
import type { KeyContext } from './context.ts'
import { nameKey } from './key-notices.ts'
import { writeFinding } from './key-finding.ts'

const TICK_MS = 60_000
const LEASE_MS = 150_000
const CHECK_EVERY_MS = 24 * 3_600_000
/** Checks of one tick, a few at a time, so that providers see a trickle. */
const BATCH = 40
const AT_ONCE = 4
const WARN_DAYS = [14, 3] as const
const DAY_MS = 86_400_000
const MOST_NAMED = 20

export interface KeyCare {
  start(): void
  /** One round now; for tests and for operators who do not want to wait. */
  runOnce(): Promise<void>
  close(): Promise<void>
}

export function createKeyCare(context: KeyContext & { database: Database }): KeyCare {
  const store = createCareStore(context.database)
  const lease = createJobLease(context.database, { name: 'key-care', holder: createUlid(), leaseMs: LEASE_MS })
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let isClosed = false

  async function runOnce(): Promise<void> {
    if (!(await lease.hold())) return
    await warnOfExpiry(context, store)
    const due = await store.listDue(
      { now: context.clock.now(), checkedBefore: context.clock.now() - CHECK_EVERY_MS },
      BATCH,
    )
    const rest = due.values()
    const lane = async () => {
      for (const key of rest) {
        if (isClosed) return
        await checkKey(context, store, key)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
  }

  function tick(): void {
    running = running.then(runOnce).catch((error: unknown) => {
      context.log.warn({ err: error }, 'the scheduled checks of provider keys could not be made')
    })
  }

  return {
    start() {
      timer ??= setInterval(tick, TICK_MS).unref()
    },
    runOnce,
    async close() {
      isClosed = true
      clearInterval(timer)
      await running
      await lease.release().catch(() => undefined)
    },
  }
}

async function checkKey(context: KeyContext, store: CareStore, { key, models: before }: CareKey): Promise<void> {
  const { clock, states, log } = context
  try {
    const secret = states.openForTest(key)
    const result = await context.testKey({ provider: key.provider, baseUrl: key.baseUrl, key: secret })
    await writeFinding(context, key, result)
    await store.noteCheck(key.id, clock.now(), result.models ?? null)
    if (result.models && before) await tellLostModels(context, key, before, result.models)
  } catch (error) {
    // A key that does not open is marked and told by the states themselves.
    await store.noteCheck(key.id, clock.now(), null)
    log.debug({ err: error, provider_key_id: key.id }, 'a provider key could not be checked')
  }
}

async function tellLostModels(
  context: KeyContext,
  key: CareKey['key'],
  before: readonly string[],
  after: readonly string[],
): Promise<void> {
  const present = new Set(after)
  const lost = before.filter((model) => !present.has(model))
  if (lost.length === 0) return
  const named = lost.slice(0, MOST_NAMED).join(', ')
  const more = lost.length > MOST_NAMED ? ` and ${lost.length - MOST_NAMED} more` : ''
  await context.notify?.({
    userId: key.userId,
    kind: 'key_lost_models',
    keyId: key.id,
    message: `${nameKey(key)} no longer lists ${named}${more}. Requests for them will fail, or be paid otherwise.`,
    details: { provider: key.provider, lost: lost.slice(0, MOST_NAMED), total: lost.length },
    occasion: `${key.id} ${lost.toSorted().join(' ').slice(0, 500)} ${new Date(context.clock.now()).toISOString().slice(0, 10)}`,
  })
}

async function warnOfExpiry(context: KeyContext, store: CareStore): Promise<void> {
  const now = context.clock.now()
  for (const key of await store.listExpiring(now - 7 * DAY_MS, now + WARN_DAYS[0] * DAY_MS)) {
    const expiresAt = key.expiresAt!
    const left = WARN_DAYS.findLast((days) => expiresAt <= now + days * DAY_MS)!
    const isOver = expiresAt <= now
    const kind: NotificationKind = isOver ? 'key_expired' : 'key_expiring'
    const day = new Date(expiresAt).toISOString().slice(0, 10)
    await context.notify?.({
      userId: key.userId,
      kind,
      keyId: key.id,
      message: isOver
        ? `${nameKey(key)} expired on ${day} and is no longer used. Replace it, or move its date.`
        : `${nameKey(key)} expires on ${day}. Replace it before then, or move its date.`,
      details: { provider: key.provider, expires_at: new Date(expiresAt).toISOString() },
      occasion: isOver ? `${key.id} ${expiresAt}` : `${key.id} ${expiresAt} ${left}`,
    })
  }
}
