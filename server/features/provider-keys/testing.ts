// What the suites of this room share: users, a vault, fake answers of a key test, and the service over a real database.
import { addPlainUser } from '../../../test/support/plain-users.ts'
import type { Database } from '../../database/database.ts'
import { createLog } from '../../kernel/log.ts'
import { Secret } from '../../kernel/secret.ts'
import { systemRandom } from '../../vault/aes.ts'
import { createKeyring } from '../../vault/keyring.ts'
import { createVault, type Vault } from '../../vault/vault.ts'
import { createAudit } from '../audit/audit.ts'
import type { ProviderKeysOptions, TestKey } from './context.ts'
import { createProviderKeys, type ProviderKeys } from './provider-keys.ts'

export const MASTER = 'b5f1c0de9a47382e6d10fb94c7a2e853'
export const NEXT_MASTER = '1c8e40b7f9d25a63e07b94d1c6f83a52'

export function createTestVault(current: string = MASTER, old: readonly string[] = []): Vault {
  const keyring = createKeyring(
    new Secret(current),
    old.map((text) => new Secret(text)),
  )
  return createVault({
    keyring,
    fingerprintKey: Buffer.alloc(32, 7),
    chooseSealingKid: () => keyring.configuredKid,
    countWrap: () => 0,
    random: systemRandom,
  })
}

const PREFIXES: Record<string, readonly string[]> = {
  openai: ['sk-', 'sk-proj-'],
  anthropic: ['sk-ant-api03-'],
  custom: [],
}

/** The room over a database. `now` moves by hand; `tested` is what the next key tests answer. */
export function setUp(database: Database, more: Partial<ProviderKeysOptions> = {}) {
  const time = { now: 1_800_000_000_000 }
  const clock = { now: () => time.now, monotonic: () => time.now }
  const tested: { answer: Awaited<ReturnType<TestKey>>; keys: Secret[] } = {
    answer: { valid: true, status: 'active', latencyMs: 12.4, models: ['gpt-x'], message: 'accepted' },
    keys: [],
  }
  const audit = createAudit({ database, clock })
  const keys: ProviderKeys = createProviderKeys({
    database,
    vault: createTestVault(),
    clock,
    log: createLog({ level: 'silent' }),
    audit,
    providers: {
      has: (id) => Object.hasOwn(PREFIXES, id) && (id !== 'custom' || more.allowUserBaseUrls === true),
      takesKeys: () => true,
      names: ['openai', 'anthropic'],
      findKeyPrefix: (id, key) =>
        (PREFIXES[id] ?? []).filter((prefix) => key.startsWith(prefix)).toSorted((a, b) => b.length - a.length)[0] ??
        '',
    },
    testKey: async ({ key }) => {
      tested.keys.push(key)
      return tested.answer
    },
    allowUserBaseUrls: false,
    ...more,
  })
  return { keys, audit, time, tested }
}

/** The room over a database with one person in it. */
export async function beginRoom(database: Database, more: Partial<ProviderKeysOptions> = {}) {
  const userId = await addPlainUser(database)
  return { database, userId, actor: { userId, ip: '192.0.2.7' }, ...setUp(database, more) }
}

export const readRows = (database: Database) =>
  database.query.selectFrom('user_provider_keys').selectAll().orderBy('position').execute()

export async function readAudit(database: Database): Promise<{ action: string; details: Record<string, unknown> }[]> {
  const rows = await database.query.selectFrom('audit_log').selectAll().orderBy('sequence').execute()
  return rows.map(({ action, details }) => ({ action, details: JSON.parse(details) as Record<string, unknown> }))
}
