// The boot matrix on a real SQLite database: each row serves or refuses as written, and a refusal leaves nothing
// behind. Rows that need no database to refuse (B5, B11, short secrets) are tested beside resolveSecrets.
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sql } from 'kysely'
import { silentLog } from '../../../test/support/databases.ts'
import { addPlainUser } from '../../../test/support/plain-users.ts'
import { type Environment } from '../../config/environment.ts'
import { resolveSecrets } from '../../config/secrets.ts'
import { type Database, openDatabase } from '../../database/database.ts'
import { migrate } from '../../database/migrator.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createUlid } from '../../kernel/ids.ts'
import { revealSecret, Secret } from '../../kernel/secret.ts'
import { StartRefused } from '../../kernel/start-refused.ts'
import { deriveKid, deriveRoot } from '../../vault/derivation.ts'
import type { SealedRecord } from '../../vault/record.ts'
import { type BootedVault, bootVault } from './vault-boot.ts'

const GOOD = 'b5f1c0de9a47382e6d10fb94c7a2e853'
const NEXT = '1c8e40b7f9d25a63e07b94d1c6f83a52'
const JWT = '07c3e9d2814fab56b0e6d1f7a9c4582e'
const WEAK = 'mycompany-production-encryption-2026'
const USER = '3f0c6b1e-8f5e-4c59-9d5e-2f7a1c0b9a11'
const kidOf = (secret: string): string => deriveKid(deriveRoot(new Secret(secret)))

let folder: string
let dataDir: string
let database: Database
let booted: BootedVault[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'uniroute-boot-'))
  dataDir = join(folder, 'data')
  database = await openDatabase({ file: join(folder, 'test.db') })
  booted = []
})
afterEach(async () => {
  for (const vault of booted) await vault.stop()
  await database.close()
  rmSync(folder, { recursive: true })
})

async function boot(
  environment: Environment,
  options: { production?: boolean; migrate?: () => Promise<void> } = {},
): Promise<BootedVault> {
  const mode = { production: options.production ?? false, databaseKind: 'sqlite' as const, cwd: folder }
  const vault = await bootVault({
    database,
    secrets: resolveSecrets(environment, dataDir, mode),
    dataDir,
    clock: systemClock,
    log: silentLog,
    migrate: options.migrate ?? (() => migrate(database, { clock: systemClock, log: silentLog }).then(() => undefined)),
  })
  booted.push(vault)
  return vault
}

async function stop(vault: BootedVault): Promise<void> {
  booted.splice(booted.indexOf(vault), 1)
  await vault.stop()
}

/** Everything a refusal could have changed: all rows of all tables, and all files but SQLite's own. */
async function picture(): Promise<string> {
  const { rows: tables } = await sql<{ name: string }>`
    SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`.execute(database.query)
  const content: unknown[] = []
  for (const { name } of tables)
    content.push(name, (await sql`SELECT * FROM ${sql.table(name)}`.execute(database.query)).rows)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => !file.startsWith('test.db'))
  for (const file of files.toSorted()) {
    content.push(
      file,
      file === 'data'
        ? null
        : createHash('sha256')
            .update(readFileSync(join(folder, file)))
            .digest('hex'),
    )
  }
  return JSON.stringify(content)
}

async function refusal(environment: Environment, production = false): Promise<string> {
  const before = await picture()
  const outcome = await boot(environment, { production }).catch((error: unknown) => error)
  expect(outcome).toBeInstanceOf(StartRefused)
  expect((outcome as StartRefused).exitCode).toBe(78)
  expect(await picture()).toBe(before)
  const { message } = outcome as StartRefused
  expect(message).not.toContain('\n')
  for (const secret of [GOOD, NEXT, JWT, WEAK]) expect(message).not.toContain(secret)
  return message
}

const readRegistry = () =>
  database.query.selectFrom('key_registry').select(['kid', 'state', 'wraps']).orderBy('state').execute()
const readInstances = () => database.query.selectFrom('vault_instances').selectAll().execute()

async function addProviderKeys(vault: BootedVault, count: number): Promise<void> {
  const now = Date.now()
  await addPlainUser(database, USER)
  for (let i = 0; i < count; i++) {
    const record: SealedRecord = {
      ownerType: 'user',
      ownerId: USER,
      provider: 'openai',
      origin: '',
      recordId: createUlid(now),
      keyVersion: 1,
    }
    const { sealed, kid } = vault.vault.seal(record, new Secret(`sk-key-${i}`))
    await database.query
      .insertInto('user_provider_keys')
      .values({
        id: record.recordId,
        user_id: USER,
        provider: 'openai',
        api_key_encrypted: sealed,
        kid,
        key_version: 1,
        version: 1,
        is_active: true,
        base_url: null,
        label: '',
        position: i,
        prefix: '',
        last4: '',
        fingerprint: String(i),
        status: 'untested',
        status_reason: null,
        status_at: null,
        worked_at: null,
        last_tested_at: null,
        last_used_at: null,
        expires_at: null,
        fallback: '"allow"',
        allowed_models: null,
        cap_usd_nanos: null,
        cap_period: null,
        created_at: now,
        updated_at: now,
      })
      .execute()
  }
}

/** A first run under a secret, with some keys stored, ended properly. */
async function runBefore(environment: Environment, keys = 0): Promise<void> {
  const vault = await boot(environment)
  if (keys > 0) await addProviderKeys(vault, keys)
  await stop(vault)
}

async function openStored(vault: BootedVault): Promise<string[]> {
  const rows = await database.query.selectFrom('user_provider_keys').selectAll().orderBy('position').execute()
  return rows.map((row) => {
    const record = {
      ownerType: 'user' as const,
      ownerId: row.user_id,
      provider: row.provider,
      origin: '',
      recordId: row.id,
      keyVersion: row.key_version,
    }
    return revealSecret(vault.vault.open(record, row.api_key_encrypted, row.kid))
  })
}

describe('serves', () => {
  test('B1: a good secret on a database without a kid becomes the active one', async () => {
    const { warnings, fallback, vault } = await boot(
      { PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: JWT },
      { production: true },
    )
    expect(await readRegistry()).toEqual([{ kid: kidOf(GOOD), state: 'active', wraps: 1 }])
    expect({ warnings, fallback, kid: vault.sealingKid }).toEqual({ warnings: [], fallback: false, kid: kidOf(GOOD) })
    expect(readdirSync(folder)).not.toContain('data')
  })

  test('B2: the registered secret again opens what it sealed, and fingerprints stay the same', async () => {
    const environment = { PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: JWT }
    const owner = { ownerType: 'user' as const, ownerId: USER, provider: 'openai' }
    const first = await boot(environment)
    const print = first.vault.fingerprint(owner, new Secret('sk-1'))
    await addProviderKeys(first, 2)
    await stop(first)
    const again = await boot(environment)
    expect(await openStored(again)).toEqual(['sk-key-0', 'sk-key-1'])
    expect(again.vault.fingerprint(owner, new Secret('sk-1'))).toBe(print)
    expect(Buffer.from(again.jwtKey).equals(Buffer.from(first.jwtKey))).toBe(true)
    expect(await readRegistry()).toEqual([{ kid: kidOf(GOOD), state: 'active', wraps: 3 }])
  })

  test('B3: a new secret with the old one beside it opens the old keys and seals under the new', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, 1)
    const vault = await boot({ PROVIDER_KEY_ENCRYPTION_KEY: NEXT, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: GOOD })
    expect(await openStored(vault)).toEqual(['sk-key-0'])
    expect(vault.vault.sealingKid).toBe(kidOf(NEXT))
    expect((await readRegistry()).map(({ kid, state }) => ({ kid, state }))).toEqual([
      { kid: kidOf(GOOD), state: 'active' },
      { kid: kidOf(NEXT), state: 'decrypt' },
    ])
  })

  test('B6: a weak secret outside production, with a warning at each start', async () => {
    for (let start = 0; start < 2; start++) {
      const vault = await boot({ PROVIDER_KEY_ENCRYPTION_KEY: WEAK })
      expect(vault.warnings).toEqual(['weak_secret'])
      await stop(vault)
    }
  })

  test('B7: none at all on a fresh SQLite makes master.key and jwt.key, and the next start uses them', async () => {
    const first = await boot({})
    expect(readdirSync(dataDir).toSorted()).toEqual(['jwt.key', 'master.key'])
    await addProviderKeys(first, 1)
    await stop(first)
    const again = await boot({})
    expect(await openStored(again)).toEqual(['sk-key-0'])
    expect(again.warnings).toEqual([])
    await stop(again)
    const production = await boot({}, { production: true })
    expect(production.warnings).toEqual(['secret_beside_database'])
  })

  test('B7: a first run that died between migration and registration goes on', async () => {
    await migrate(database, { clock: systemClock, log: silentLog })
    await boot({})
    expect(await readRegistry()).toHaveLength(1)
    expect(readdirSync(dataDir)).toContain('master.key')
  })

  test('B9: an explicit JWT_SECRET stands in, with a warning at each start, and signs with another key', async () => {
    await runBefore({ JWT_SECRET: JWT }, 1)
    const vault = await boot({ JWT_SECRET: JWT })
    expect(vault.fallback).toBe(true)
    expect(vault.warnings).toEqual(['jwt_secret_fallback'])
    expect(await openStored(vault)).toEqual(['sk-key-0'])
    expect(await readRegistry()).toMatchObject([{ kid: kidOf(JWT), state: 'active' }])
    expect(Buffer.from(vault.jwtKey).equals(deriveRoot(new Secret(JWT)))).toBe(false)
    expect(readdirSync(folder)).not.toContain('data')
  })

  test('B9, later: a secret of its own takes over with JWT_SECRET among the old ones', async () => {
    await runBefore({ JWT_SECRET: JWT }, 1)
    const vault = await boot({
      PROVIDER_KEY_ENCRYPTION_KEY: GOOD,
      JWT_SECRET: JWT,
      PROVIDER_KEY_ENCRYPTION_KEYS_OLD: JWT,
    })
    expect(vault.fallback).toBe(false)
    expect(await openStored(vault)).toEqual(['sk-key-0'])
  })

  test('a row with a damaged kid concerns that row alone', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, 2)
    await database.query.updateTable('user_provider_keys').set({ kid: 'damaged' }).where('position', '=', 0).execute()
    await boot({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })
  })
})

describe('refuses, and changes nothing', () => {
  test('B4: a secret that keys depend on is missing', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: JWT }, 3)
    expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: NEXT })).toContain(
      `secret for kid ${kidOf(GOOD)} missing; 3 keys depend on it; nothing was changed`,
    )
    expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: NEXT, JWT_SECRET: JWT }, true)).toContain('3 keys depend on it')
  })

  test('B4: the active secret is missing though no key depends on it', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })
    await database.query.deleteFrom('vault_secrets').execute()
    expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: NEXT })).toContain(
      `secret for kid ${kidOf(GOOD)} missing; 0 keys`,
    )
  })

  test('B4: a secret that is only decrypting is missing while keys depend on it', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, 1)
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: NEXT, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: GOOD })
    await database.query.updateTable('key_registry').set({ state: 'decrypt' }).where('kid', '=', kidOf(GOOD)).execute()
    await database.query.updateTable('key_registry').set({ state: 'active' }).where('kid', '=', kidOf(NEXT)).execute()
    expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: NEXT })).toContain(
      `secret for kid ${kidOf(GOOD)} missing; 1 key depends on it; nothing was changed`,
    )
  })

  test('B8: none given and the file gone, never a new secret beside old data', async () => {
    await runBefore({}, 2)
    rmSync(join(dataDir, 'master.key'))
    expect(await refusal({})).toContain('2 keys depend on it; nothing was changed')
    expect(readdirSync(dataDir)).toEqual(['jwt.key'])
  })

  test('B8 and B9: JWT_SECRET does not stand in for a registered secret that is gone', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, 1)
    rmSync(join(dataDir, 'jwt.key'))
    expect(await refusal({ JWT_SECRET: JWT })).toContain(`secret for kid ${kidOf(GOOD)} missing`)
    expect(await refusal({ JWT_SECRET: JWT, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: GOOD })).toContain('cannot stand in')
  })

  test('B10: the check value is not that of the secret', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })
    const { check } = await database.query.selectFrom('key_registry').select('check').executeTakeFirstOrThrow()
    for (const wrong of [`A${check.slice(1)}`, '', check.slice(0, -4)]) {
      if (wrong === check) continue
      await database.query.updateTable('key_registry').set({ check: wrong }).execute()
      expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })).toContain('check value')
    }
  })

  test.each<[string, () => Promise<unknown>, string]>([
    ['a row was removed', () => database.query.deleteFrom('key_registry').execute(), 'does not know kid'],
    [
      'no key is active',
      () => database.query.updateTable('key_registry').set({ state: 'decrypt' }).execute(),
      '0 active keys',
    ],
    [
      'a key in use is retired',
      () => database.query.updateTable('key_registry').set({ state: 'retired' }).execute(),
      'retired',
    ],
    ['another backend', () => database.query.updateTable('key_registry').set({ backend: 'kms' }).execute(), 'backend'],
    [
      'two keys are active',
      () =>
        sql`INSERT INTO key_registry SELECT '0123456789abcdef', backend, key_ref, 'active', "check", wraps, created_at,
          activated_at, retired_at FROM key_registry`.execute(database.query),
      'secret for kid 0123456789abcdef missing',
    ],
  ])('B10: the registry was edited: %s', async (_name, edit, says) => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, 1)
    await edit()
    expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })).toContain(says)
  })

  test('the key of fingerprints is gone or damaged while keys are there', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, 1)
    const { sealed } = await database.query.selectFrom('vault_secrets').selectAll().executeTakeFirstOrThrow()
    const damaged = sealed.slice(0, 40) + (sealed[40] === 'A' ? 'B' : 'A') + sealed.slice(41)
    await database.query.updateTable('vault_secrets').set({ sealed: damaged }).execute()
    expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })).toContain('ciphertext_corrupt')
    await database.query.deleteFrom('vault_secrets').execute()
    expect(await refusal({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })).toContain('vault_secrets')
  })

  test('a retired secret must not seal again', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })
    await database.query.deleteFrom('vault_secrets').execute()
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: NEXT, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: GOOD })
    await database.query.updateTable('key_registry').set({ state: 'retired' }).where('kid', '=', kidOf(GOOD)).execute()
    await database.query.updateTable('key_registry').set({ state: 'active' }).where('kid', '=', kidOf(NEXT)).execute()
    const environment = { PROVIDER_KEY_ENCRYPTION_KEY: GOOD, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: NEXT }
    expect(await refusal(environment)).toContain('was retired here')
  })

  test('an instance is announced before the migration and taken back if that fails', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD })
    const seen: unknown[] = []
    const failing = async () => {
      seen.push(...(await readInstances()))
      throw new StartRefused('the schema is newer')
    }
    await expect(boot({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, { migrate: failing })).rejects.toThrow('newer')
    expect(seen).toMatchObject([{ active_kid: kidOf(GOOD), kids: JSON.stringify([kidOf(GOOD)]) }])
    expect(await readInstances()).toEqual([])
  })

  test('a registry that changes between the two checks stops the start', async () => {
    await runBefore({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, 1)
    // As a rotation to NEXT that began meanwhile would do.
    const meanwhile = async () => {
      await sql`UPDATE key_registry SET state = 'decrypt'`.execute(database.query)
      await sql`INSERT INTO key_registry SELECT '0123456789abcdef', backend, key_ref, 'active', "check", wraps, created_at,
        activated_at, retired_at FROM key_registry`.execute(database.query)
    }
    await expect(boot({ PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, { migrate: meanwhile })).rejects.toThrow(
      '0123456789abcdef',
    )
    expect(await readInstances()).toEqual([])
  })
})
