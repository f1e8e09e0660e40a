// May this instance serve with the secrets it was given, on the database it found (the boot matrix)? Pure: looks at the
// registry as it stands and refuses, in one line that says what is missing and that nothing was changed.
import type { ResolvedSecrets } from '../../config/secrets.ts'
import { StartRefused } from '../../kernel/start-refused.ts'
import type { Keyring } from '../../vault/keyring.ts'
import { isKid } from '../../vault/sealed-text.ts'
import type { RegistryPicture } from './vault-registry.ts'

/** Throws StartRefused. `keyring` is null while no secret is given. */
export function checkRegistry(
  picture: RegistryPicture,
  keyring: Keyring | null,
  current: ResolvedSecrets['current'],
): void {
  const { keys, dependents } = picture
  if (keys.length === 0 && dependents.size === 0) return
  const active = keys.filter((key) => key.state === 'active')

  if (keyring === null) {
    const kid = active[0]?.kid ?? [...dependents.keys()][0]
    const needed = kid === undefined ? '' : `; ${describeDependents(picture, kid)}`
    throw new StartRefused(
      `PROVIDER_KEY_ENCRYPTION_KEY is not given and DATA_DIR/master.key is gone, but this database was sealed with a secret before${needed}; nothing was changed. Give that secret again, or restore the file.`,
    )
  }
  for (const kid of new Set([...active.map((key) => key.kid), ...dependents.keys()])) {
    if (keyring.find(kid) === undefined) refuseMissingKid(picture, kid, current)
  }
  checkRows(picture, keyring)
  if (active.length !== 1) refuseDamaged(`has ${active.length} active keys instead of one`)
  const configured = keys.find((key) => key.kid === keyring.configuredKid)
  if (configured?.state === 'retired') {
    throw new StartRefused(
      `the secret given (kid ${configured.kid}) was retired here and must not seal again; nothing was changed. Give the active one (kid ${active[0]!.kid}).`,
    )
  }
  if (current?.source === 'jwt-fallback' && active[0]!.kid !== keyring.configuredKid) {
    throw new StartRefused(
      `PROVIDER_KEY_ENCRYPTION_KEY is not given, and JWT_SECRET cannot stand in for it: this database is sealed under another secret (kid ${active[0]!.kid}); nothing was changed. Give that secret.`,
    )
  }
}

function checkRows({ keys, dependents }: RegistryPicture, keyring: Keyring): void {
  for (const key of keys) {
    if (!isKid(key.kid)) refuseDamaged('names a key that cannot exist')
    if (key.backend !== 'local') refuseDamaged(`wants the backend of kid ${key.kid}, which this program does not have`)
    if (keyring.find(key.kid)?.verifyCheck(key.check) === false) {
      refuseDamaged(`holds a check value for kid ${key.kid} that its secret did not make`)
    }
    if (key.state === 'retired' && dependents.has(key.kid)) {
      refuseDamaged(`calls kid ${key.kid} retired while keys depend on it`)
    }
  }
  for (const kid of dependents.keys()) {
    if (!keys.some((key) => key.kid === kid)) refuseDamaged(`does not know kid ${kid}, on which keys depend`)
  }
}

function refuseMissingKid(picture: RegistryPicture, kid: string, current: ResolvedSecrets['current']): never {
  const remedy =
    current?.source === 'jwt-fallback'
      ? 'Give it as PROVIDER_KEY_ENCRYPTION_KEY, or restore DATA_DIR/master.key.'
      : 'Give it again, or put it into PROVIDER_KEY_ENCRYPTION_KEYS_OLD (where JWT_SECRET stood in for it, that).'
  throw new StartRefused(
    `secret for kid ${kid} missing; ${describeDependents(picture, kid)}; nothing was changed. ${remedy}`,
  )
}

function describeDependents({ dependents }: RegistryPicture, kid: string): string {
  const count = dependents.get(kid)?.providerKeys ?? 0
  return count === 1 ? '1 key depends on it' : `${count} keys depend on it`
}

function refuseDamaged(fault: string): never {
  throw new StartRefused(
    `the registry of master keys (table key_registry) was changed or damaged: it ${fault}; nothing was changed. Restore the database from a backup.`,
  )
}
