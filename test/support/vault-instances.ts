// Instances of the vault on one database, each with secrets of its own, and many sealed provider keys made at once:
// what tests and drills of a change of master key need.
import { tmpdir } from 'node:os'
import type { Database } from '../../server/database/database.ts'
import { type BootedVault, bootVault } from '../../server/features/admin/vault-boot.ts'
import { createAudit } from '../../server/features/audit/audit.ts'
import { createVaultRotation, type VaultRotation } from '../../server/features/admin/vault-rotation.ts'
import { systemClock } from '../../server/kernel/clock.ts'
import { createUlid } from '../../server/kernel/ids.ts'
import { createLog } from '../../server/kernel/log.ts'
import { Secret } from '../../server/kernel/secret.ts'
import { openValue } from '../../server/vault/cipher.ts'
import { deriveKid, deriveRoot } from '../../server/vault/derivation.ts'
import { createKeyring } from '../../server/vault/keyring.ts'
import type { SealedRecord } from '../../server/vault/record.ts'
import type { Vault } from '../../server/vault/vault.ts'
import { addPlainUser } from './plain-users.ts'

export const kidOf = (secret: string): string => deriveKid(deriveRoot(new Secret(secret)))

export interface TestInstance {
  readonly booted: BootedVault
  readonly rotation: VaultRotation
  stop(): Promise<void>
}

/** An instance as main starts it, with short waits. The job runs from the start. */
export async function startVaultInstance(
  database: Database,
  secrets: { current: string; old?: readonly string[] },
  times: { heartbeatMs?: number; leaseMs?: number; pollMs?: number; waitMs?: number } = {},
): Promise<TestInstance> {
  const log = createLog({ level: 'silent' })
  const booted = await bootVault({
    database,
    secrets: {
      current: { value: new Secret(secrets.current), source: 'given' },
      old: (secrets.old ?? []).map((text) => new Secret(text)),
      jwt: { value: new Secret('a secret for sessions that this test never uses'), source: 'given' },
      warnings: [],
    },
    dataDir: tmpdir(),
    clock: systemClock,
    log,
    migrate: async () => {},
    heartbeatMs: times.heartbeatMs ?? 50,
  })
  const audit = createAudit({ database, clock: systemClock })
  const rotation = createVaultRotation({
    database,
    booted,
    audit,
    clock: systemClock,
    log,
    pollMs: 50,
    waitMs: 20,
    ...times,
  })
  rotation.start()
  return {
    booted,
    rotation,
    async stop() {
      await rotation.close()
      await booted.stop()
    },
  }
}

export const plainKeyOf = (id: string): string => `sk-${id}-0123456789`

export function recordOf(userId: string, id: string): SealedRecord {
  return { ownerType: 'user', ownerId: userId, provider: 'openai', origin: '', recordId: id, keyVersion: 1 }
}

/** Keys of one new user, sealed and stored in one go; answers their ids. */
export async function storeSealedKeys(
  database: Database,
  vault: Vault,
  count: number,
): Promise<{ userId: string; ids: string[] }> {
  const now = Date.now()
  const userId = await addPlainUser(database)
  const ids = Array.from({ length: count }, () => createUlid(now))
  for (let from = 0; from < count; from += 1_000) {
    const rows = ids.slice(from, from + 1_000).map((id, index) => {
      const { sealed, kid } = vault.seal(recordOf(userId, id), new Secret(plainKeyOf(id)))
      return {
        id,
        user_id: userId,
        provider: 'openai',
        api_key_encrypted: sealed,
        kid,
        key_version: 1,
        version: 1,
        is_active: true,
        label: '',
        position: from + index + 1,
        prefix: 'sk-',
        last4: '6789',
        fingerprint: Buffer.from(id).toString('hex').slice(0, 52),
        status: 'untested',
        fallback: '"allow"',
        created_at: now,
        updated_at: now,
      }
    })
    await database.insertMany([{ table: 'user_provider_keys', rows }])
  }
  return { userId, ids }
}

/** Opens every provider key as a request would; throws for the first that does not open. */
export async function openAll(database: Database, vault: Pick<Vault, 'open'>): Promise<number> {
  const rows = await database.query
    .selectFrom('user_provider_keys')
    .select(['id', 'user_id', 'api_key_encrypted', 'kid'])
    .execute()
  for (const row of rows) vault.open(recordOf(row.user_id, row.id), row.api_key_encrypted, row.kid)
  return rows.length
}

/** Only for opening, with these secrets. */
export function createOpener(...secrets: readonly [string, ...string[]]): Pick<Vault, 'open'> {
  const [first, ...others] = secrets.map((text) => new Secret(text))
  const keyring = createKeyring(first!, others)
  return { open: (record, sealed, kid) => new Secret(openValue(keyring, record, sealed, kid).toString('utf8')) }
}
