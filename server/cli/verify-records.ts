// Opens every sealed value with the secrets that are given and counts; nothing of a value is kept or shown.
import type { Database } from '../database/database.ts'
import { bindingOf } from '../features/provider-keys/record.ts'
import { openValue } from '../vault/cipher.ts'
import { FINGERPRINT_RECORD } from '../vault/fingerprint.ts'
import type { Keyring } from '../vault/keyring.ts'
import type { SealedRecord } from '../vault/record.ts'
import { VaultError } from '../vault/vault-error.ts'

export interface VerifiedTable {
  readonly table: string
  readonly opened: number
  /** Taken over by an import without a readable key: there is nothing to open. */
  readonly empty: number
  readonly failures: readonly { readonly recordId: string; readonly reason: string }[]
}

const PAGE = 500

export async function verifyRecords(database: Database, keyring: Keyring): Promise<VerifiedTable[]> {
  return [await verifyProviderKeys(database, keyring), await verifyOwnSecrets(database, keyring)]
}

async function verifyProviderKeys(database: Database, keyring: Keyring): Promise<VerifiedTable> {
  const tally = createTally('user_provider_keys', keyring)
  for (let after = ''; ;) {
    const rows = await database.query
      .selectFrom('user_provider_keys')
      .select(['id', 'user_id', 'provider', 'base_url', 'key_version', 'api_key_encrypted', 'kid'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .execute()
    for (const row of rows) {
      const { id, provider } = row
      const record = { id, provider, userId: row.user_id, baseUrl: row.base_url, keyVersion: row.key_version }
      tally.open(bindingOf(record), row.api_key_encrypted, row.kid)
    }
    if (rows.length < PAGE) return tally.read()
    after = rows.at(-1)!.id
  }
}

/** Each is sealed under its own name. */
async function verifyOwnSecrets(database: Database, keyring: Keyring): Promise<VerifiedTable> {
  const tally = createTally('vault_secrets', keyring)
  const rows = await database.query.selectFrom('vault_secrets').selectAll().orderBy('name').execute()
  for (const { name, sealed, kid } of rows) {
    tally.open({ ...FINGERPRINT_RECORD, ownerId: name, recordId: name }, sealed, kid)
  }
  return tally.read()
}

function createTally(table: string, keyring: Keyring) {
  let opened = 0
  let empty = 0
  const failures: { recordId: string; reason: string }[] = []
  return {
    open(record: SealedRecord, sealed: string, kid: string): void {
      if (kid === '') {
        empty++
        return
      }
      try {
        openValue(keyring, record, sealed, kid).fill(0)
        opened++
      } catch (error) {
        if (!(error instanceof VaultError)) throw error
        failures.push({ recordId: record.recordId, reason: error.code })
      }
    },
    read: (): VerifiedTable => ({ table, opened, empty, failures }),
  }
}
