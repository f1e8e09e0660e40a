// Starting the vault, in the order that keeps two promises: a refusal leaves nothing behind, and an instance that comes
// up while others move to a new master key is either seen by them or stopped.
//   check the registry as it stands → announce the instance → check again → migrate → register → serve
// Where there is no registry yet, the migration comes first. Secrets are generated only after a check has said that
// nothing depends on one that is missing.
import { generateJwtSecret, generateMasterKey, type ResolvedSecrets, SECRET_WARNINGS } from '../../config/secrets.ts'
import type { Database } from '../../database/database.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createUlid } from '../../kernel/ids.ts'
import type { Log } from '../../kernel/log.ts'
import { StartRefused } from '../../kernel/start-refused.ts'
import { type RandomSource, systemRandom } from '../../vault/aes.ts'
import { openValue, sealValue } from '../../vault/cipher.ts'
import { deriveJwtKey } from '../../vault/derivation.ts'
import { FINGERPRINT_KEY_BYTES, FINGERPRINT_RECORD } from '../../vault/fingerprint.ts'
import { createKeyring, type Keyring } from '../../vault/keyring.ts'
import { createVault, type Vault } from '../../vault/vault.ts'
import { VaultError } from '../../vault/vault-error.ts'
import { checkRegistry } from './vault-check.ts'
import { createVaultInstance, type RunningInstance } from './vault-instance.ts'
import { createVaultRegistry, type RegistryPicture, type VaultRegistry } from './vault-registry.ts'

/** What the log says at each start, by code. */
export const VAULT_WARNINGS = {
  ...SECRET_WARNINGS,
  wraps_high: 'A master key has been used half as often as is safe. Rotate it: POST /admin/encryption/rotate',
} as const
export type VaultWarning = keyof typeof VAULT_WARNINGS

export interface BootedVault {
  readonly vault: Vault
  /** Signs session tokens. */
  readonly jwtKey: Uint8Array
  /** JWT_SECRET stands in for the master secret. */
  readonly fallback: boolean
  readonly warnings: readonly VaultWarning[]
  readonly instanceId: string
  readonly keyring: Keyring
  readonly registry: VaultRegistry
  /** How often values were opened, by result: `ok` or why not. */
  readonly opens: ReadonlyMap<string, number>
  /** Tells the other instances what this one has, and looks which key to seal under. */
  readonly report: () => Promise<void>
  /** How many instances share the database, as of the last look ten seconds ago at most. */
  readonly countInstances: () => number
  /** Takes the instance off the list and writes the last counts. */
  stop(): Promise<void>
}

export interface BootOptions {
  database: Database
  secrets: ResolvedSecrets
  dataDir: string
  clock: Clock
  log: Log
  /** Brings the schema up to date. */
  migrate: () => Promise<void>
  random?: RandomSource
  heartbeatMs?: number
}

/** Random nonces allow 2³² uses of a key. */
const HIGH_WRAPS = 2 ** 31

/** Master keys that should be changed for how often they were used. */
export function listOverusedKids({ keys }: RegistryPicture): string[] {
  return keys.filter((key) => key.state !== 'retired' && key.wraps >= HIGH_WRAPS).map((key) => key.kid)
}

/** Throws StartRefused (B1–B11); what it wrote until then it has taken back. */
export async function bootVault(options: BootOptions): Promise<BootedVault> {
  const { database, secrets, migrate, random = systemRandom } = options
  const registry = createVaultRegistry(database)
  const instanceId = createUlid(options.clock.now())
  let ready: ReadySecrets | undefined

  async function checkAndAnnounce(): Promise<ReadySecrets> {
    const given = secrets.current && createKeyring(secrets.current.value, secrets.old, random)
    checkRegistry(await registry.read(), given, secrets.current)
    const made = completeSecrets(secrets, options.dataDir, random)
    const { configuredKid, kids } = made.keyring
    await registry.announce({ id: instanceId, activeKid: configuredKid, kids })
    checkRegistry(await registry.read(), made.keyring, secrets.current)
    return made
  }

  try {
    if (await registry.exists()) ready = await checkAndAnnounce()
    await migrate()
    ready ??= await checkAndAnnounce()
    const fingerprintKey = await register(registry, ready.keyring, secrets, options)
    const instance = createVaultInstance({ ...options, registry, keyring: ready.keyring, instanceId })
    await instance.start()
    return assemble(options, { ...ready, fingerprintKey, instance, instanceId, registry }, await registry.read())
  } catch (error) {
    if (await registry.exists()) await registry.remove(instanceId)
    throw error
  }
}

interface ReadySecrets {
  readonly keyring: Keyring
  readonly jwtKey: Uint8Array
}

/** The secrets given, and those that are still to be made. */
function completeSecrets(secrets: ResolvedSecrets, dataDir: string, random: RandomSource): ReadySecrets {
  const current = secrets.current ?? generateMasterKey(dataDir)
  const jwt = secrets.jwt ?? generateJwtSecret(dataDir)
  return { keyring: createKeyring(current.value, secrets.old, random), jwtKey: deriveJwtKey(jwt.value) }
}

/** Enters the configured kid if it is new, and answers the key of fingerprints, made on the first start. */
function register(
  registry: VaultRegistry,
  keyring: Keyring,
  secrets: ResolvedSecrets,
  { clock, random = systemRandom }: BootOptions,
): Promise<Buffer> {
  const configured = keyring.find(keyring.configuredKid)!
  return registry.alone(async (tx) => {
    const picture = await registry.read(tx)
    checkRegistry(picture, keyring, secrets.current)
    if (!picture.keys.some((key) => key.kid === configured.kid)) {
      const state = picture.keys.some((key) => key.state === 'active') ? 'decrypt' : 'active'
      await registry.addKey(tx, { kid: configured.kid, state, check: configured.createCheck(), now: clock.now() })
    }
    const stored = await registry.readSecret(tx, FINGERPRINT_RECORD.recordId)
    if (stored !== undefined) return openFingerprintKey(keyring, stored)
    if ([...picture.dependents.values()].some((count) => count.providerKeys > 0)) {
      throw new StartRefused(
        'the key of fingerprints is gone from table vault_secrets while provider keys are there; nothing was changed. Restore the database from a backup.',
      )
    }
    const fingerprintKey = Buffer.from(random(FINGERPRINT_KEY_BYTES))
    const sealed = sealValue(configured, FINGERPRINT_RECORD, fingerprintKey, random)
    await registry.addSecret(tx, { name: FINGERPRINT_RECORD.recordId, kid: configured.kid, sealed })
    await registry.addWraps(new Map([[configured.kid, 1]]), tx)
    return fingerprintKey
  })
}

function openFingerprintKey(keyring: Keyring, stored: { kid: string; sealed: string }): Buffer {
  try {
    return openValue(keyring, FINGERPRINT_RECORD, stored.sealed, stored.kid)
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    throw new StartRefused(
      `the key of fingerprints in table vault_secrets does not open (${error.code}); nothing was changed. Restore the database from a backup.`,
    )
  }
}

interface BootedParts extends ReadySecrets {
  readonly fingerprintKey: Uint8Array
  readonly instance: RunningInstance
  readonly instanceId: string
  readonly registry: VaultRegistry
}

function assemble(
  { secrets, random = systemRandom }: BootOptions,
  { keyring, jwtKey, fingerprintKey, instance, instanceId, registry }: BootedParts,
  picture: RegistryPicture,
): BootedVault {
  const { chooseSealingKid, countWrap, report, countInstances } = instance
  const opens = new Map<string, number>()
  const countOpen = (result: string): void => void opens.set(result, (opens.get(result) ?? 0) + 1)
  return {
    vault: createVault({ keyring, fingerprintKey, chooseSealingKid, countWrap, countOpen, random }),
    keyring,
    registry,
    opens,
    report,
    countInstances,
    jwtKey,
    fallback: secrets.current?.source === 'jwt-fallback',
    warnings: [...secrets.warnings, ...(listOverusedKids(picture).length > 0 ? (['wraps_high'] as const) : [])],
    instanceId,
    stop: instance.stop,
  }
}
