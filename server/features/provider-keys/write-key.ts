// The four changes to a key: bring, replace, edit, remove. Each is one transaction with its audit entry last; memory is
// told after the commit, and a ciphertext that is gone from the table is then erased from the files.
// Bringing, moving and removing hold the owner's lock, so positions stay 1 … n however many requests come at once.
import type { Transaction } from 'kysely'
import type {
  AddProviderKeyBody,
  EditProviderKeyBody,
  ReplaceProviderKeyBody,
} from '../../../contract/provider-keys.ts'
import { isUniqueViolation } from '../../database/errors.ts'
import type { Schema } from '../../database/schema.ts'
import { GatewayError } from '../../kernel/errors.ts'
import { createUlid, toPublicId } from '../../kernel/ids.ts'
import { revealSecret, type Secret } from '../../kernel/secret.ts'
import { VaultError } from '../../vault/vault-error.ts'
import { describeChanges } from '../../kernel/changes.ts'
import { entryFor, type KeyActor, type KeyContext } from './context.ts'
import { noSuchKey, readDestination } from './find-key.ts'
import { lastFour, readPastedKey } from './pasted-key.ts'
import { bindingOf, type StoredProviderKey } from './record.ts'
import { describeSettingChanges, readSettings } from './settings.ts'
import type { KeySettings, NewSecret } from './store.ts'

type BoundFields = Pick<StoredProviderKey, 'id' | 'userId' | 'provider' | 'baseUrl' | 'keyVersion'>

/** undefined where `onlyFirst` is asked for and the provider has a key by now. */
export async function insertKey(
  context: KeyContext,
  actor: KeyActor,
  input: AddProviderKeyBody,
  onlyFirst: boolean,
): Promise<StoredProviderKey | undefined> {
  const { store, clock } = context
  const { provider } = input
  const secret = readPastedKey(input.api_key)
  const baseUrl = readDestination(context, provider, input.base_url)
  const now = clock.now()
  const fields = { id: createUlid(now), userId: actor.userId, provider, baseUrl, keyVersion: 1 }
  const sealed = sealSecret(context, fields, secret)
  const inserted = await refusingDuplicates(context, actor.userId, provider, sealed, async (tx) => {
    await store.lockOwner(actor.userId, tx)
    const siblings = await listSiblings(context, fields, tx)
    if (onlyFirst && siblings.length > 0) return false
    const key = buildKey(fields, sealed, readSettings(input), siblings.length + 1, now)
    await store.insert(key, tx)
    if (input.position !== undefined) await placeInOrder(context, key, input.position, tx)
    await context.audit.record(entryFor(actor, 'key.added', key), tx)
    return true
  })
  if (!inserted) return undefined
  context.states.invalidate(actor.userId)
  return await store.find(actor.userId, fields.id)
}

/** undefined where somebody else replaced the secret first. */
export async function replaceSecret(
  context: KeyContext,
  actor: KeyActor,
  key: StoredProviderKey,
  input: ReplaceProviderKeyBody,
): Promise<StoredProviderKey | undefined> {
  const { store, clock } = context
  const secret = readPastedKey(input.api_key)
  const baseUrl = input.base_url === undefined ? key.baseUrl : readDestination(context, key.provider, input.base_url)
  const next = { ...key, baseUrl, keyVersion: key.keyVersion + 1 }
  const sealed = sealSecret(context, next, secret)
  const replaced = await refusingDuplicates(context, actor.userId, key.provider, sealed, async (tx) => {
    if (!(await store.replaceSecret(key, sealed, clock.now(), tx))) return false
    const { last4, prefix, fingerprint } = sealed
    const changes = describeChanges(key, { baseUrl, last4, prefix, fingerprint, keyVersion: next.keyVersion })
    await context.audit.record(entryFor(actor, 'key.replaced', next, { changes }), tx)
    return true
  })
  if (!replaced) return undefined
  context.states.invalidate(actor.userId)
  await context.shredder.shred(entryFor(actor, 'key.shredded', key))
  return await store.find(actor.userId, key.id)
}

/** undefined where somebody else changed the key first. */
export async function editKey(
  context: KeyContext,
  actor: KeyActor,
  key: StoredProviderKey,
  input: EditProviderKeyBody,
): Promise<StoredProviderKey | undefined> {
  const { store, clock, database } = context
  const settings = readSettings(input)
  const changes = describeSettingChanges(key, settings, input.position)
  const changed = await database.transaction(async (tx) => {
    await store.lockOwner(actor.userId, tx)
    if (!(await store.edit(key, settings, clock.now(), tx))) return false
    if (input.position !== undefined) await placeInOrder(context, key, input.position, tx)
    await context.audit.record(entryFor(actor, 'key.edited', key, { changes }), tx)
    return true
  })
  if (!changed) return undefined
  context.states.invalidate(actor.userId)
  return await store.find(actor.userId, key.id)
}

export async function removeKey(context: KeyContext, actor: KeyActor, key: StoredProviderKey): Promise<void> {
  const { store, database } = context
  await database.transaction(async (tx) => {
    await store.lockOwner(actor.userId, tx)
    if (!(await store.remove(actor.userId, key.id, tx))) throw noSuchKey()
    const rest = await listSiblings(context, key, tx)
    await store.setOrder(actor.userId, rest, tx)
    await context.audit.record(entryFor(actor, 'key.deleted', key, describeKey(key)), tx)
  })
  context.states.invalidate(actor.userId)
  await context.shredder.shred(entryFor(actor, 'key.shredded', key))
}

/**
 * All keys of whoever deletes their account, as part of that transaction; its caller erases them once it is through.
 */
export async function removeAllKeys(
  { store, audit }: KeyContext,
  actor: KeyActor,
  tx: Transaction<Schema>,
): Promise<readonly StoredProviderKey[]> {
  await store.lockOwner(actor.userId, tx)
  const keys = await store.list(actor.userId, tx)
  for (const key of keys) {
    await store.remove(actor.userId, key.id, tx)
    await audit.record(entryFor(actor, 'key.deleted', key, describeKey(key)), tx)
  }
  return keys
}

/** What was there, but for the key. */
function describeKey(key: StoredProviderKey): object {
  const { last4, position, isActive, expiresAt, fallback, allowedModels, capUsdNanos, capPeriod, status } = key
  const cap = capUsdNanos === null ? null : { usdNanos: capUsdNanos, period: capPeriod }
  return { last4, position, isActive, expiresAt, fallback, allowedModels, cap, status }
}

/** Runs a change; the same secret twice at one provider is answered with the key that has it. */
async function refusingDuplicates(
  { database, store }: KeyContext,
  userId: string,
  provider: string,
  { fingerprint }: NewSecret,
  work: (tx: Transaction<Schema>) => Promise<boolean>,
): Promise<boolean> {
  try {
    return await database.transaction(work)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    const existing = await store.findByFingerprint(userId, provider, fingerprint)
    if (existing === undefined) throw new GatewayError('version_conflict')
    const named = existing.label === '' ? '.' : ` as "${existing.label}".`
    throw new GatewayError('provider_key_exists', {
      message: `This key is already saved${named}`,
      details: { id: toPublicId('pk', existing.id), label: existing.label },
    })
  }
}

/** The other keys of the same owner and provider, in order. */
async function listSiblings(
  { store }: KeyContext,
  key: Pick<StoredProviderKey, 'id' | 'userId' | 'provider'>,
  tx: Transaction<Schema>,
): Promise<string[]> {
  const keys = await store.list(key.userId, tx)
  return keys.filter(({ provider, id }) => provider === key.provider && id !== key.id).map(({ id }) => id)
}

async function placeInOrder(
  context: KeyContext,
  key: StoredProviderKey,
  position: number,
  tx: Transaction<Schema>,
): Promise<void> {
  const ids = await listSiblings(context, key, tx)
  ids.splice(Math.max(position, 1) - 1, 0, key.id)
  await context.store.setOrder(key.userId, ids, tx)
}

function sealSecret({ vault, providers }: KeyContext, fields: BoundFields, key: Secret): NewSecret {
  const binding = bindingOf(fields)
  const text = revealSecret(key)
  try {
    return {
      ...vault.seal(binding, key),
      prefix: providers.findKeyPrefix(fields.provider, text),
      last4: lastFour(text),
      fingerprint: vault.fingerprint(binding, key),
      baseUrl: fields.baseUrl,
    }
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    throw new GatewayError('internal_error', {
      message: 'UniRoute cannot seal keys until its operator rotates the master secret. Nothing was saved.',
      status: 503,
      cause: error,
    })
  }
}

function buildKey(
  fields: BoundFields,
  { sealed, kid, prefix, last4, fingerprint }: NewSecret,
  settings: KeySettings,
  position: number,
  now: number,
): StoredProviderKey {
  return {
    ...fields,
    sealed,
    kid,
    prefix,
    last4,
    fingerprint,
    version: 1,
    label: settings.label ?? '',
    position,
    isActive: settings.isActive ?? true,
    expiresAt: settings.expiresAt ?? null,
    fallback: settings.fallback ?? 'allow',
    allowedModels: settings.allowedModels ?? null,
    capUsdNanos: settings.cap?.usdNanos ?? null,
    capPeriod: settings.cap?.period ?? null,
    status: 'untested',
    statusReason: null,
    statusAt: null,
    workedAt: null,
    probe: null,
    models: [],
    lastTestedAt: null,
    lastTestMs: null,
    disabledAt: settings.isActive === false ? now : null,
    lastUsedAt: null,
    createdAt: now,
    updatedAt: now,
  }
}
