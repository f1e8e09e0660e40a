// The two secrets everything hangs on: the one that seals provider keys and the one that signs sessions. Where they
// come from, whether they are good enough for this mode, and how they are made on a first run.
// Nothing here writes unless a generate function is called, and those are called only after the database has been asked
// whether anything depends on a secret that is missing: a new secret beside old data would hide the loss.
import { revealSecret, Secret } from '../kernel/secret.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import { type Environment, readEnvironment, readSecretText } from './environment.ts'
import { splitList } from './kinds.ts'
import { generateSecretFile, JWT_KEY_FILE, MASTER_KEY_FILE, readOldMasterKey, readSecretFile } from './secret-files.ts'
import { judgeSecret } from './secret-policy.ts'
import { WrongValue } from './wrong-value.ts'

/**
 * given: variable, `_FILE` or credential · generated: the file in DATA_DIR · jwt-fallback: an explicit JWT_SECRET
 * stands in.
 */
export type SecretSource = 'given' | 'generated' | 'jwt-fallback'

export interface ResolvedSecret {
  readonly value: Secret
  readonly source: SecretSource
}

/** What the log says at each start, and the dashboard as a banner. */
export const SECRET_WARNINGS = {
  weak_secret:
    'PROVIDER_KEY_ENCRYPTION_KEY is weak; the stored keys are as easy to guess as it is. Rotate to a random one: uniroute keys generate',
  jwt_secret_fallback:
    'JWT_SECRET seals the provider keys, for want of a secret of their own. Set PROVIDER_KEY_ENCRYPTION_KEY: uniroute keys generate',
  secret_beside_database:
    'A generated secret lies in DATA_DIR beside the database it protects. Keep it elsewhere: give it as a variable, a _FILE or a credential',
  weak_jwt_secret:
    'JWT_SECRET is weak; sessions can be forged by whoever guesses it. Set a random one: uniroute keys generate',
  weak_old_secret:
    'PROVIDER_KEY_ENCRYPTION_KEYS_OLD holds a weak secret. Rotate what it sealed, retire it, then remove it',
} as const
export type SecretWarning = keyof typeof SECRET_WARNINGS

export interface ResolvedSecrets {
  /** Seals and opens. null: none given; to be generated if nothing depends on one that is missing. */
  readonly current: ResolvedSecret | null
  /** Open only. */
  readonly old: readonly Secret[]
  /** Signs sessions. null: to be generated. */
  readonly jwt: ResolvedSecret | null
  readonly warnings: readonly SecretWarning[]
}

export interface SecretsMode {
  readonly production: boolean
  readonly databaseKind: 'sqlite' | 'postgres'
}

const MASTER = 'PROVIDER_KEY_ENCRYPTION_KEY'
const OLD = 'PROVIDER_KEY_ENCRYPTION_KEYS_OLD'
const JWT = 'JWT_SECRET'
const FILES = { [MASTER]: MASTER_KEY_FILE, [JWT]: JWT_KEY_FILE } as const

/** Reads the secrets and refuses all that needs no database to be refused. Writes nothing. */
export function resolveSecrets(
  environment: Environment,
  dataDir: string,
  options: SecretsMode & { cwd: string },
): ResolvedSecrets {
  const merged = readEnvironment(environment, options.cwd)
  const given = readOne(merged, MASTER, dataDir, options.cwd)
  const jwt = readOne(merged, JWT, dataDir, options.cwd)
  const old = splitList(readText(merged, OLD, options.cwd) ?? '').map((text) => new Secret(text))
  const exchanged = readOldMasterKey(dataDir)
  if (exchanged !== null) old.push(exchanged)
  const warnings = new Set<SecretWarning>()

  if (given === null) refuseMissing(MASTER, jwt, options)
  else if (judge(MASTER, given, options, jwt) === 'weak') warnings.add('weak_secret')
  const current: ResolvedSecret | null =
    given ?? (jwt?.source === 'given' ? { value: jwt.value, source: 'jwt-fallback' } : null)
  if (jwt === null) refuseMissing(JWT, null, options)
  else if (judge(JWT, jwt, options) === 'weak') warnings.add('weak_jwt_secret')

  if (current?.source === 'jwt-fallback') warnings.add('jwt_secret_fallback')
  if (options.production && [current, jwt].some((secret) => secret?.source === 'generated')) {
    warnings.add('secret_beside_database')
  }
  if (old.some((secret) => judgeSecret(revealSecret(secret)).verdict !== 'good')) warnings.add('weak_old_secret')
  return { current, old, jwt, warnings: [...warnings] }
}

/** Makes `DATA_DIR/master.key`. If another process made it meanwhile, that one counts. */
export function generateMasterKey(dataDir: string): ResolvedSecret {
  return { value: generateSecretFile(dataDir, FILES[MASTER]), source: 'generated' }
}

/** Makes `DATA_DIR/jwt.key`, by the same rules. */
export function generateJwtSecret(dataDir: string): ResolvedSecret {
  return { value: generateSecretFile(dataDir, FILES[JWT]), source: 'generated' }
}

function refuseMissing(name: typeof MASTER | typeof JWT, jwt: ResolvedSecret | null, mode: SecretsMode): void {
  if (mode.production) {
    throw new StartRefused(
      `set ${name} (uniroute keys generate): in production nothing stands in for it; nothing was changed`,
    )
  }
  // Instances that share a database must share their secrets, so a file of one machine will not do.
  if (mode.databaseKind === 'postgres' && jwt?.source !== 'given') {
    throw new StartRefused(
      `set ${name} (uniroute keys generate): with PostgreSQL it is not generated; nothing was changed`,
    )
  }
}

function judge(
  name: typeof MASTER | typeof JWT,
  secret: ResolvedSecret,
  mode: SecretsMode,
  jwt: ResolvedSecret | null = null,
): 'good' | 'weak' {
  const unlike = jwt === null ? {} : { unlike: revealSecret(jwt.value) }
  const { verdict, reasons } = judgeSecret(revealSecret(secret.value), unlike)
  const where = secret.source === 'generated' ? `DATA_DIR/${FILES[name]}` : name
  if (verdict === 'too_short') {
    throw new StartRefused(
      `${where} is refused: ${reasons.join('; ')}. Set a random one (uniroute keys generate); nothing was changed`,
    )
  }
  if (verdict === 'weak' && mode.production) {
    throw new StartRefused(`${where} is too weak for production: ${reasons.join('; ')}; nothing was changed`)
  }
  return verdict
}

function readOne(
  environment: Environment,
  name: typeof MASTER | typeof JWT,
  dataDir: string,
  cwd: string,
): ResolvedSecret | null {
  const given = readText(environment, name, cwd)
  const kept = readSecretFile(dataDir, FILES[name])
  if (given !== null && kept !== null && given !== revealSecret(kept)) {
    throw new StartRefused(
      `${name} and DATA_DIR/${FILES[name]} are both there and differ; nothing was changed. ` +
        (name === MASTER
          ? `To move to the new secret, put the file's text into ${OLD} and move the file away.`
          : 'Remove one of them.'),
    )
  }
  if (given !== null) return { value: new Secret(given), source: 'given' }
  return kept && { value: kept, source: 'generated' }
}

function readText(environment: Environment, name: string, cwd: string): string | null {
  try {
    return readSecretText(environment, name, cwd)
  } catch (error) {
    if (error instanceof WrongValue) throw new StartRefused(`${name}: ${error.message}; nothing was changed`)
    throw error
  }
}
