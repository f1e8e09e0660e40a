// The gateway's side of provider keys: each user's keys from memory, opening one for one attempt, and noting what
// became of it. Nothing here makes a request wait for a write: states and dates go to the database in the background,
// and until they are there they lie over what memory holds, so that the very next request sees them.
// Invariant: a key is opened for the attempt and never kept; a key that does not open is an error, not a missing key.
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createFreshCache } from '../../kernel/fresh-cache.ts'
import type { Log } from '../../kernel/log.ts'
import type { Secret } from '../../kernel/secret.ts'
import type { Vault } from '../../vault/vault.ts'
import { VaultError } from '../../vault/vault-error.ts'
import type { Audit } from '../audit/audit.ts'
import { tellStatus, type Notify } from './key-notices.ts'
import {
  bindingOf,
  describeBinding,
  type ModelHealth,
  type Probe,
  type ProviderKeyRecord,
  type ProviderKeyStatus,
} from './record.ts'
import type { ModelMark, StatusMark } from './state-store.ts'
import type { ProviderKeyStore } from './store.ts'

const CACHED_USERS = 10_000
/** With a query, a key deleted on another instance is noticed within five seconds. */
const FRESH_MS = 3_000
const WRITE_STATUS_MS = 100
const RETRY_MS = 1_000
const WRITE_USE_MS = 10_000
const LONGEST_MODEL = 200
const LONGEST_REASON = 200

interface Pending extends StatusMark {
  readonly record: ProviderKeyRecord
  readonly before: ProviderKeyStatus
}

/** Told that a user's keys are no longer as they were: which one and how, where that is known. */
export type OnKeyChange = (change: { userId: string; keyId: string | null; status: string | null }) => void

/** Of the call that found a state. */
export interface Found {
  /** Of a key set aside: when it may be tried again. */
  readonly probe?: Probe | null
  /** What was begun before a state was entered changes nothing about it; epoch ms, left out = now. */
  readonly begunAt?: number
}

export interface KeyStates {
  /** A promise only where memory has not got them fresh. */
  chainFor(userId: string): readonly ProviderKeyRecord[] | Promise<readonly ProviderKeyRecord[]>
  /** A key as it is now, with what is still on its way to the database. */
  overlay<Key extends ProviderKeyRecord>(record: Key): Key
  openCredential(record: ProviderKeyRecord): Secret
  /** Would it open? Nothing is remembered of the question: for explanations. */
  opens(record: ProviderKeyRecord): boolean
  /** Opens without counting it as a use: for the owner's own test. */
  openForTest(record: ProviderKeyRecord): Secret
  markStatus(record: ProviderKeyRecord, status: ProviderKeyStatus, reason: string | null, found?: Found): void
  /** A model this key does not serve for a while: for other instances, this one's health knows already. */
  markModel(record: ProviderKeyRecord, health: ModelHealth): void
  /** Moves the end of a key's pause to then, for the one request that probes it; false: another instance was faster. */
  claimProbe(record: ProviderKeyRecord, until: number): Promise<boolean>
  /** The probe claimed until then told nothing: the next may be made now. In the background. */
  releaseProbe(record: ProviderKeyRecord, until: number): void
  /** Was the model in the list that the key's last check got? */
  listsModel(record: ProviderKeyRecord, model: string): Promise<boolean>
  /** The user's keys have changed: whatever memory holds of them is dropped. */
  invalidate(userId: string): void
  /** The same, where another instance changed them. */
  forget(userId: string): void
  /** Writes what is still to be written. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** A provider's word, as every database takes it. */
const storable = (word: string | null): string | null =>
  word && word.slice(0, LONGEST_REASON).replaceAll('\0', '\uFFFD').toWellFormed()

const isSetAside = (status: ProviderKeyStatus): boolean => status === 'invalid' || status === 'exhausted'

export function createKeyStates(options: {
  store: ProviderKeyStore
  vault: Vault
  clock: Clock
  log: Log
  audit: Audit
  notify?: Notify | undefined
  onKeyChange?: OnKeyChange | undefined
}): KeyStates {
  const { store, vault, clock, log, audit } = options
  const cache = createFreshCache<string, readonly ProviderKeyRecord[]>({
    load: async (userId) => store.withModels(await store.list(userId), clock.now()),
    max: CACHED_USERS,
    freshMs: FRESH_MS,
    clock,
  })
  const pending = new Map<string, Pending>()
  const pendingModels = new Map<string, { mark: ModelMark; userId: string }>()
  const used = new Map<string, number>()
  /** How many states have been written. */
  let writes = 0
  let statusTimer: NodeJS.Timeout | undefined
  let useTimer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  function overlay<Key extends ProviderKeyRecord>(record: Key): Key {
    const mark = pending.get(record.id)
    if (mark === undefined || mark.keyVersion !== record.keyVersion) return record
    const workedAt = mark.workedAt ?? record.workedAt
    if (mark.status === record.status) return { ...record, workedAt, probe: mark.probe ?? record.probe }
    const { status, reason: statusReason, at: statusAt, probe } = mark
    return { ...record, status, statusReason, statusAt, workedAt, probe }
  }

  function markStatus(
    record: ProviderKeyRecord,
    status: ProviderKeyStatus,
    word: string | null,
    { probe = null, begunAt = clock.now() }: Found = {},
  ): void {
    const reason = storable(word)
    const shown = overlay(record)
    const isLonger = probe !== null && probe.at > (shown.probe?.at ?? 0)
    if (shown.status === status && !isLonger && (status !== 'active' || shown.workedAt !== null)) return
    const at = clock.now()
    // A key that served a moment ago and failed since has worked all the same.
    const workedAt = status === 'active' ? at : shown.workedAt
    const before = pending.get(record.id)?.before ?? record.status
    const { id, keyVersion } = record
    const isOld = status === 'active' && isSetAside(shown.status) && (shown.statusAt ?? 0) > begunAt
    const mark = isOld
      ? { status: shown.status, reason: shown.statusReason, at: shown.statusAt ?? at, probe: shown.probe }
      : { status, reason, at, probe }
    pending.set(id, { id, keyVersion, ...mark, workedAt, begunAt, record, before })
    statusTimer ??= setTimeout(() => void writeStatuses(), WRITE_STATUS_MS).unref()
  }

  function markModel({ id, keyVersion, userId }: ProviderKeyRecord, health: ModelHealth): void {
    // No model of anybody's is called that.
    if (health.model.length > LONGEST_MODEL || health.model.includes('\0')) return
    pendingModels.set(`${id} ${health.model}`, { mark: { id, keyVersion, ...health }, userId })
    statusTimer ??= setTimeout(() => void writeStatuses(), WRITE_STATUS_MS).unref()
  }

  function writeStatuses(): Promise<void> {
    clearTimeout(statusTimer)
    statusTimer = undefined
    writing = writing.then(writePending)
    return writing
  }

  async function writePending(): Promise<void> {
    // Each for itself: what is wrong with one keeps no other from being written.
    const steps = [
      ...Array.from(pending.values(), (mark) => () => writeStatus(mark)),
      ...Array.from(
        pendingModels,
        ([name, one]) =>
          () =>
            writeModel(name, one),
      ),
    ]
    let failed: unknown = null
    for (const step of steps) {
      try {
        await step()
      } catch (error) {
        failed = error
        // A database that is away is asked once, not once a state.
        if (error instanceof GatewayError && error.code === 'storage_unavailable') break
      }
    }
    if (failed === null) return
    log.warn({ err: failed }, 'states of provider keys could not be written')
    statusTimer ??= setTimeout(() => void writeStatuses(), RETRY_MS).unref()
  }

  async function writeModel(name: string, one: { mark: ModelMark; userId: string }): Promise<void> {
    await store.markModel(one.mark, clock.now())
    if (pendingModels.get(name) === one) pendingModels.delete(name)
    options.onKeyChange?.({ userId: one.userId, keyId: one.mark.id, status: null })
  }

  async function writeStatus(mark: Pending): Promise<void> {
    const changed = await store.markStatus(mark)
    cache.invalidate(mark.record.userId)
    if (pending.get(mark.id) === mark) pending.delete(mark.id)
    writes++
    if (!changed) return
    options.onKeyChange?.({ userId: mark.record.userId, keyId: mark.id, status: mark.status })
    // An untested key that served is no news.
    await tellStatus(options, mark.record, mark.before, mark.status, mark.at)
    if (mark.status !== 'undecryptable') return
    await audit.record({
      actorType: 'system',
      actorId: null,
      ip: null,
      action: 'key.unreadable',
      targetType: 'provider_key',
      targetId: mark.id,
      details: { ...describeBinding(mark.record), reason: mark.reason },
    })
  }

  async function writeUses(): Promise<void> {
    clearTimeout(useTimer)
    useTimer = undefined
    const times = new Map(used)
    used.clear()
    if (times.size === 0) return
    try {
      await store.markUsed(times)
    } catch (error) {
      // A date of last use is worth no retry; the next use writes it again.
      log.warn({ err: error }, 'the last use of provider keys could not be written')
    }
  }

  function open(record: ProviderKeyRecord): Secret {
    try {
      const key = vault.open(bindingOf(record), record.sealed, record.kid)
      // The secret that was missing is back.
      if (overlay(record).status === 'undecryptable') markStatus(record, 'untested', null)
      return key
    } catch (error) {
      if (!(error instanceof VaultError)) throw error
      markStatus(record, 'undecryptable', error.code)
      throw new GatewayError('provider_key_unreadable', { cause: error })
    }
  }

  async function claimProbe({ id, keyVersion, userId, probe }: ProviderKeyRecord, until: number): Promise<boolean> {
    if (probe === null) return true
    try {
      return await store.moveProbe({ id, keyVersion, from: probe.at, to: until })
    } catch (error) {
      // One probe too many is better than a key that nobody tries again.
      log.warn({ err: error }, 'the probe of a provider key could not be noted')
      return true
    } finally {
      cache.invalidate(userId)
    }
  }

  function releaseProbe(record: ProviderKeyRecord, until: number): void {
    writing = writing.then(() => writeRelease(record, until))
  }

  async function writeRelease({ id, keyVersion, userId }: ProviderKeyRecord, until: number): Promise<void> {
    try {
      await store.moveProbe({ id, keyVersion, from: until, to: clock.now() })
      cache.invalidate(userId)
    } catch (error) {
      // It lapses by itself within a minute.
      log.warn({ err: error }, 'the end of a probe could not be noted')
    }
  }

  const overlayAll = (records: readonly ProviderKeyRecord[]): readonly ProviderKeyRecord[] =>
    pending.size === 0 ? records : records.map(overlay)

  async function loadChain(userId: string): Promise<readonly ProviderKeyRecord[]> {
    let records: readonly ProviderKeyRecord[]
    let seen: number
    do {
      seen = writes
      records = await cache.get(userId)
      // What was read while a state was being written may be older than the state, which lies over it no more.
    } while (writes !== seen)
    return overlayAll(records)
  }

  return {
    chainFor(userId) {
      const held = cache.peek(userId)
      return held ? overlayAll(held) : loadChain(userId)
    },
    openCredential(record) {
      const key = open(record)
      used.set(record.id, clock.now())
      useTimer ??= setTimeout(() => void writeUses(), WRITE_USE_MS).unref()
      return key
    },
    opens(record) {
      try {
        vault.open(bindingOf(record), record.sealed, record.kid)
        return true
      } catch (error) {
        if (error instanceof VaultError) return false
        throw error
      }
    },
    overlay,
    openForTest: open,
    markStatus,
    markModel,
    claimProbe,
    releaseProbe,
    listsModel: ({ id }, model) => store.listsModel(id, model),
    invalidate(userId) {
      cache.invalidate(userId)
      options.onKeyChange?.({ userId, keyId: null, status: null })
    },
    forget: (userId) => cache.invalidate(userId),
    async flush() {
      await writeStatuses()
      await writeUses()
    },
    async close() {
      await writeStatuses()
      await writeUses()
      clearTimeout(statusTimer)
    },
  }
}
