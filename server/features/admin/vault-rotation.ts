// Changing the master key, as an administrator does it: begin, pause, retire the old one, and see where it stands.
// Invariants: a key becomes the active one only if every living instance has it, so nobody meets a value that does not
// open; one instance at a time works (vault-rotation-job.ts); an old key is retired only when nothing is sealed under
// it and nobody seals under it. Until then the way back is the same way with the two keys exchanged.
import type { EncryptionStatus, RotateBody } from '../../../contract/encryption.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { GatewayError } from '../../kernel/errors.ts'
import type { Log } from '../../kernel/log.ts'
import { isKid } from '../../vault/sealed-text.ts'
import type { Audit } from '../audit/audit.ts'
import { type BootedVault, listOverusedKids, VAULT_WARNINGS } from './vault-boot.ts'
import type { LivingInstance, RegistryPicture } from './vault-registry.ts'
import { createRotationJob } from './vault-rotation-job.ts'
import { createRotationStore, type RotationRun } from './vault-rotation-store.ts'

export interface RotationActor {
  /** null: the command line. */
  readonly userId: string | null
  readonly ip: string | null
}

export interface VaultFigures {
  readonly dependents: readonly { kid: string; state: string; count: number }[]
  readonly remaining: number
}

export interface VaultRotation {
  /** `changed` is false for what runs already and where nothing is to be done. */
  rotate(request: RotateBody, by: RotationActor): Promise<{ changed: boolean; rotation: EncryptionStatus['rotation'] }>
  readStatus(): Promise<EncryptionStatus>
  readFigures(): Promise<VaultFigures>
  /** Takes up what an earlier process left, now or when its lease is over. */
  start(): void
  close(): Promise<void>
}

export interface VaultRotationOptions {
  readonly database: Database
  readonly booted: Pick<BootedVault, 'keyring' | 'registry' | 'instanceId' | 'fallback' | 'warnings' | 'report'>
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
  readonly leaseMs?: number
  readonly pollMs?: number
  readonly waitMs?: number
}

/** Ciphertexts are held in memory this long at most, so an old key must stay readable as long. */
const CACHED_MS = 60_000
const MOST_FAILURES_SHOWN = 1_000
const MAX_WRAPS = 2 ** 32

export function createVaultRotation(options: VaultRotationOptions): VaultRotation {
  const { database, booted, audit, clock } = options
  const { registry, keyring } = booted
  const store = createRotationStore(database, options)

  async function note(action: string, by: RotationActor, kid: string, details: object = {}): Promise<void> {
    await audit.record({
      actorType: by.userId === null ? 'system' : 'user',
      actorId: by.userId,
      ip: by.ip,
      action,
      targetType: 'master_key',
      targetId: kid,
      details,
    })
  }

  const job = createRotationJob({
    ...options,
    store,
    registry,
    keyring,
    instanceId: booted.instanceId,
    async onFinished(run, { failed }) {
      await note('encryption.rotation-finished', { userId: null, ip: null }, run.to_kid, { from: run.from_kid, failed })
      // Old wraps are in no table any more; the next line takes them out of SQLite's log as well.
      await database.shred()
    },
  })

  /** Makes the kid the active one and begins a run, if that is safe. */
  async function begin(kid: string, by: RotationActor): Promise<boolean> {
    const wrapper = keyring.find(kid)
    if (wrapper === undefined) throw notReady(`This instance does not have the secret of kid ${kid}. ${DISTRIBUTE}`)
    const run = await store.read()
    const before = activeOf(await registry.read())
    if (before === kid && run?.to_kid === kid) {
      if (run.state === 'running') return false
      if (run.state === 'paused') {
        await store.setState('paused', 'running')
        await note('encryption.rotation-started', by, kid, { from: run.from_kid })
        return true
      }
    }
    if (before === kid && (await store.countOthers(kid)) === 0) return false
    refuseWhereMissing(kid, await registry.listAlive())
    const begun = await registry.alone(async (tx) => {
      const picture = await registry.read(tx)
      const active = activeOf(picture)
      const known = picture.keys.find((key) => key.kid === kid)
      if (known?.state === 'retired')
        throw notReady(`Kid ${kid} was retired and must not seal again. Use a new secret.`)
      const count = [...picture.dependents.values()].reduce((sum, { rows }) => sum + rows, 0)
      if ((known?.wraps ?? 0) + count > MAX_WRAPS) {
        throw notReady(`Kid ${kid} has been used as often as is safe. Use a new secret.`)
      }
      if (known === undefined) {
        await registry.addKey(tx, { kid, state: 'decrypt', check: wrapper.createCheck(), now: clock.now() })
      }
      if (active !== kid) await registry.activate(tx, kid)
      const left = active === kid ? findMostUsed(picture, kid) : active
      // Another instance may have been asked at the same time and be on its way.
      return (await store.begin(tx, { from: left, to: kid })) ? { from: active } : null
    })
    if (begun === null) return false
    await lookAgain(kid, begun.from)
    await note('encryption.rotation-started', by, kid, { from: begun.from })
    return true
  }

  /** An instance that came up between the first look and the change: it takes the change back. */
  async function lookAgain(kid: string, before: string | null): Promise<void> {
    try {
      refuseWhereMissing(kid, await registry.listAlive())
    } catch (error) {
      await store.setState('running', 'paused')
      await registry.alone(async (tx) => {
        if (before !== null && before !== kid) await registry.activate(tx, before)
      })
      throw error
    }
  }

  async function pause(by: RotationActor): Promise<boolean> {
    if (!(await store.setState('running', 'paused'))) return false
    await note('encryption.rotation-paused', by, (await store.read())!.to_kid)
    return true
  }

  async function retire(kid: string | undefined, by: RotationActor): Promise<boolean> {
    if (kid === undefined) {
      throw new GatewayError('validation_failed', {
        message: 'kid: Say which key to retire.',
        details: [{ path: 'kid', message: 'Say which key to retire.' }],
      })
    }
    const run = await store.read()
    const changed = await registry.alone(async (tx) => {
      const picture = await registry.read(tx)
      const key = picture.keys.find((known) => known.kid === kid)
      if (key === undefined) throw new GatewayError('not_found', { message: 'There is no master key of that kid.' })
      if (key.state === 'retired') return false
      refuseInUse(kid, picture, await registry.listAlive(tx))
      const since = run === undefined ? Infinity : run.now - run.progressed_at
      if (since < CACHED_MS) {
        const wait = Math.ceil((CACHED_MS - since) / 1000)
        throw inUse(`Instances may still hold values sealed under it in memory. Try again in ${wait} s.`, wait)
      }
      await registry.retire(tx, kid)
      return true
    })
    if (changed) await note('encryption.key-retired', by, kid)
    return changed
  }

  async function readStatus(): Promise<EncryptionStatus> {
    const [picture, instances, run, failures] = await Promise.all([
      registry.read(),
      registry.listAlive(),
      store.readProgress(),
      store.listFailures(MOST_FAILURES_SHOWN),
    ])
    const active = picture.keys.find((key) => key.state === 'active')
    return {
      backend: 'local',
      fallback: booted.fallback,
      active: active ? { kid: active.kid, created_at: new Date(active.createdAt).toISOString() } : null,
      keys: describeKeys(picture, keyring.kids),
      rotation: describeRun(run, { failed: failures.total, instances }),
      failures: failures.failures.map(({ recordId, reason }) => ({ record_id: recordId, reason })),
      instances: instances.map(({ id, activeKid, kids, seenAt }) => ({
        id,
        active_kid: activeKid,
        kids: [...kids],
        seen_at: new Date(seenAt).toISOString(),
      })),
      warnings: listWarnings(booted.warnings, picture),
    }
  }

  return {
    async rotate({ action = 'start', kid }, by) {
      let changed: boolean
      if (action === 'pause') changed = await pause(by)
      else if (action === 'retire') changed = await retire(kid, by)
      else {
        // What this instance seals under, and who is there, is told first.
        await booted.report()
        changed = await begin(kid ?? keyring.configuredKid, by)
        await booted.report()
        job.wake()
      }
      return { changed, rotation: (await readStatus()).rotation }
    },
    readStatus,
    async readFigures() {
      const [picture, run] = await Promise.all([registry.read(), store.readProgress()])
      return {
        dependents: describeKeys(picture, []).map(({ kid, state, dependents }) => ({ kid, state, count: dependents })),
        remaining: run === undefined || run.finished_at !== null ? 0 : run.remaining,
      }
    },
    start: job.start,
    close: job.close,
  }
}

const DISTRIBUTE =
  'Put the new secret into PROVIDER_KEY_ENCRYPTION_KEYS_OLD of every instance, restart them one by one, then exchange the two.'

function notReady(message: string): GatewayError {
  return new GatewayError('rotation_not_ready', { message })
}

function inUse(message: string, retryAfter?: number): GatewayError {
  return new GatewayError('kid_in_use', { message, ...(retryAfter === undefined ? {} : { retryAfter }) })
}

function activeOf({ keys }: RegistryPicture): string | null {
  return keys.find((key) => key.state === 'active')?.kid ?? null
}

function findMostUsed({ dependents }: RegistryPicture, except: string): string | null {
  const others = [...dependents].filter(([kid]) => kid !== except).toSorted(([, a], [, b]) => b.rows - a.rows)
  return others[0]?.[0] ?? null
}

function refuseWhereMissing(kid: string, alive: readonly LivingInstance[]): void {
  const lacking = alive.filter((instance) => !instance.kids.includes(kid)).map(({ id }) => id)
  if (lacking.length === 0) return
  throw notReady(
    `${lacking.length === 1 ? 'The instance' : 'The instances'} ${lacking.join(', ')} ${lacking.length === 1 ? 'does' : 'do'} not have the secret of kid ${kid}. ${DISTRIBUTE}`,
  )
}

function refuseInUse(kid: string, picture: RegistryPicture, alive: readonly LivingInstance[]): void {
  if (activeOf(picture) === kid) throw inUse(`Kid ${kid} is the active one. Rotate to another one first.`)
  const rows = picture.dependents.get(kid)?.rows ?? 0
  if (rows > 0)
    throw inUse(`${rows} ${rows === 1 ? 'value is' : 'values are'} still sealed under kid ${kid}. Rotate again.`)
  const sealing = alive.filter((instance) => instance.activeKid === kid).map(({ id }) => id)
  if (sealing.length > 0) {
    throw inUse(
      `The instance ${sealing.join(', ')} still seals under kid ${kid}. Give it the new secret, and restart it.`,
    )
  }
}

/** Registered keys, keys that only values name, and keys that only this instance has. */
function describeKeys(picture: RegistryPicture, inRing: readonly string[]): EncryptionStatus['keys'] {
  const kids = new Set([...picture.keys.map((key) => key.kid), ...picture.dependents.keys(), ...inRing])
  return [...kids].filter(isKid).map((kid) => {
    const key = picture.keys.find((known) => known.kid === kid)
    return {
      kid,
      state: (key?.state ?? 'decrypt') as EncryptionStatus['keys'][number]['state'],
      in_ring: inRing.includes(kid),
      dependents: picture.dependents.get(kid)?.rows ?? 0,
      wraps: key?.wraps ?? 0,
    }
  })
}

/** Those of the start, and what has come to be since. */
function listWarnings(atStart: BootedVault['warnings'], picture: RegistryPicture): EncryptionStatus['warnings'] {
  const codes = new Set(atStart)
  if (listOverusedKids(picture).length > 0) codes.add('wraps_high')
  else codes.delete('wraps_high')
  return [...codes].map((code) => ({ code, message: VAULT_WARNINGS[code] }))
}

const NO_RUN = {
  state: 'idle',
  from: null,
  to: null,
  total: 0,
  done: 0,
  failed: 0,
  running: false,
  rate_per_s: 0,
  started_at: null,
  finished_at: null,
} as const

function describeRun(
  run: (RotationRun & { readonly remaining: number }) | undefined,
  now: { failed: number; instances: readonly LivingInstance[] },
): EncryptionStatus['rotation'] {
  if (run === undefined) return NO_RUN
  const isWaiting = run.state === 'running' && now.instances.some((instance) => instance.activeKid !== run.to_kid)
  const seconds = (run.progressed_at - run.resumed_at) / 1000
  return {
    state: isWaiting ? 'waiting_for_instances' : run.state,
    from: run.from_kid,
    to: run.to_kid,
    // What was replaced or removed meanwhile needs no moving any more; what came since under an old key does.
    total: run.done + run.remaining,
    done: run.done,
    failed: now.failed,
    running: run.state === 'running' && run.isLed,
    rate_per_s: seconds > 0 ? Math.round((10 * (run.done - run.resumed_done)) / seconds) / 10 : 0,
    started_at: new Date(run.started_at).toISOString(),
    finished_at: run.finished_at === null ? null : new Date(run.finished_at).toISOString(),
  }
}
