// What an import would write, decided before anything is written: whose account each of the original's users becomes,
// and which keys open. Pure but for the sealing.
// Invariants: an account that is here already is never changed; a key that is here already stays as it is; the
// original's stored form is opened here and nowhere else, and nothing of it is kept.
import { hash } from 'node:crypto'
import type { UserProviderKeyTable, UserTable } from '../database/schema.ts'
import { isVerifiableHash } from '../features/accounts/password.ts'
import { lastFour, readPastedKey } from '../features/provider-keys/pasted-key.ts'
import { bindingOf } from '../features/provider-keys/record.ts'
import { GatewayError } from '../kernel/errors.ts'
import { createUlid, createUuid, isUuid } from '../kernel/ids.ts'
import { NO_LIMITS } from '../kernel/limits.ts'
import { revealSecret, type Secret } from '../kernel/secret.ts'
import { openSeedValue } from '../vault/seed-format.ts'
import type { Vault } from '../vault/vault.ts'
import { VaultError } from '../vault/vault-error.ts'
import { CommandFailed } from './command.ts'
import type { Original, OriginalKey, OriginalUser } from './import-original.ts'

/** What is in this installation already. */
export interface Here {
  readonly users: readonly { readonly id: string; readonly email: string }[]
  readonly keys: readonly {
    readonly id: string
    readonly user_id: string
    readonly provider: string
    readonly fingerprint: string
  }[]
}

export interface ImportPlan {
  readonly users: readonly UserTable[]
  readonly keys: readonly UserProviderKeyTable[]
  /** New accounts whose password cannot be taken over. */
  readonly needLink: readonly string[]
  /** Users of the original who have an account here. */
  readonly usersHere: number
  /** Keys that are here already, under their id or as the same secret. */
  readonly keysHere: number
  /** Ids of keys that open under none of the secrets, or hold no usable key. */
  readonly unreadable: readonly string[]
  /** Keys whose user is not in the original. */
  readonly orphans: number
}

export interface ImportTools {
  /** To try, in this order. */
  readonly secrets: readonly Secret[]
  readonly vault: Vault
  findKeyPrefix(provider: string, key: string): string
  readonly now: number
}

export function planImport(original: Original, here: Here, tools: ImportTools): ImportPlan {
  refuseDoubleAddresses(original.users)
  const accounts = new Map<string, string>()
  const users: UserTable[] = []
  const needLink: string[] = []
  const byEmail = new Map(here.users.map((user) => [user.email, user.id]))
  const takenIds = new Set(here.users.map((user) => user.id))
  for (const user of original.users) {
    const known = byEmail.get(user.email)
    const id = known ?? (isUuid(user.id) && !takenIds.has(user.id) ? user.id : createUuid())
    accounts.set(user.id, id)
    if (known !== undefined) continue
    const row = toUserRow(user, id, tools.now)
    users.push(row)
    if (row.password_hash === null) needLink.push(row.email)
  }
  return {
    users,
    needLink,
    usersHere: original.users.length - users.length,
    ...planKeys(original, here, accounts, tools),
  }
}

function planKeys(
  original: Original,
  here: Here,
  accounts: ReadonlyMap<string, string>,
  tools: ImportTools,
): Pick<ImportPlan, 'keys' | 'keysHere' | 'unreadable' | 'orphans'> {
  const keys: UserProviderKeyTable[] = []
  const unreadable: string[] = []
  const ids = new Set(here.keys.map((key) => key.id))
  const places = new Map<string, number>()
  const placeOf = (userId: string, provider: string): string => `${userId} ${provider}`
  const secretsHere = new Set(here.keys.map((key) => `${placeOf(key.user_id, key.provider)} ${key.fingerprint}`))
  for (const key of here.keys) countUp(places, placeOf(key.user_id, key.provider))
  let keysHere = 0
  let orphans = 0
  for (const key of original.keys) {
    const userId = accounts.get(key.userId)
    const id = isUuid(key.id) ? key.id : createUlid(tools.now)
    if (userId === undefined) orphans++
    else if (ids.has(id)) keysHere++
    else {
      const place = placeOf(userId, key.provider)
      const row = toKeyRow({ ...key, id, userId }, openOriginalKey(key, tools), tools)
      if (row.kid === '') unreadable.push(key.id)
      const name = `${place} ${row.fingerprint}`
      if (secretsHere.has(name)) keysHere++
      else {
        secretsHere.add(name)
        keys.push({ ...row, position: countUp(places, place) })
      }
    }
  }
  return { keys, keysHere, unreadable, orphans }
}

/** The key in the original's stored form, or undefined where it does not open or is none. */
function openOriginalKey({ id, sealed }: OriginalKey, { secrets }: ImportTools): Secret | undefined {
  try {
    return readPastedKey(revealSecret(openSeedValue(secrets, sealed, id)))
  } catch (error) {
    if (error instanceof VaultError || error instanceof GatewayError) return undefined
    throw error
  }
}

function toUserRow(user: OriginalUser, id: string, now: number): UserTable {
  const { passwordHash, createdAt } = user
  return {
    id,
    email: user.email,
    name: (user.name ?? user.email.split('@')[0]!).replaceAll(/\p{Cc}/gu, '').slice(0, 100),
    password_hash: passwordHash !== null && isVerifiableHash(passwordHash) ? passwordHash : null,
    role: user.role === 'admin' ? 'admin' : 'user',
    is_active: user.isActive,
    fallback: JSON.stringify('allow'),
    auth_gen: 1,
    ...NO_LIMITS,
    last_login_at: null,
    created_at: createdAt ?? now,
    updated_at: now,
  }
}

/** A row without a readable key holds nothing sealed, and asks its owner for the key. */
function toKeyRow(
  key: OriginalKey,
  secret: Secret | undefined,
  { vault, findKeyPrefix, now }: ImportTools,
): UserProviderKeyTable {
  const binding = bindingOf({ id: key.id, userId: key.userId, provider: key.provider, baseUrl: null, keyVersion: 1 })
  const plain = secret === undefined ? '' : revealSecret(secret)
  const sealed = secret === undefined ? { sealed: '', kid: '' } : vault.seal(binding, secret)
  return {
    id: key.id,
    user_id: key.userId,
    provider: key.provider,
    api_key_encrypted: sealed.sealed,
    kid: sealed.kid,
    key_version: 1,
    version: 1,
    is_active: key.isActive,
    base_url: null,
    probe_at: null,
    probe_after_ms: null,
    label: '',
    position: 0,
    prefix: secret === undefined ? '' : findKeyPrefix(key.provider, plain),
    last4: lastFour(plain),
    fingerprint: secret === undefined ? hash('sha256', key.id, 'hex').slice(0, 32) : vault.fingerprint(binding, secret),
    status: secret === undefined ? 'undecryptable' : 'untested',
    status_reason: secret === undefined ? 'kek_unknown' : null,
    status_at: secret === undefined ? now : null,
    worked_at: null,
    last_tested_at: null,
    last_test_ms: null,
    disabled_at: null,
    last_used_at: null,
    expires_at: null,
    fallback: JSON.stringify('allow'),
    allowed_models: null,
    cap_usd_nanos: null,
    cap_period: null,
    created_at: key.createdAt ?? now,
    updated_at: key.updatedAt ?? now,
  }
}

/** One mailbox is one account here, however it was typed there. */
function refuseDoubleAddresses(users: readonly OriginalUser[]): void {
  const seen = new Set<string>()
  for (const { email } of users) {
    if (!/^[^\s@]+@[^\s@]+$/.test(email)) {
      throw new CommandFailed('A user of the original has no e-mail address. Give one there; nothing was changed.')
    }
    if (seen.has(email)) {
      throw new CommandFailed(
        `Two users of the original have the address ${email}. Make it one there; nothing was changed.`,
      )
    }
    seen.add(email)
  }
}

function countUp(counts: Map<string, number>, name: string): number {
  const next = (counts.get(name) ?? 0) + 1
  counts.set(name, next)
  return next
}
