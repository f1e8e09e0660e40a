// The installation a command works on: the same configuration, secrets and database as the server's, without serving.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, forgetSecrets, loadConfig } from '../config/config.ts'
import { type ResolvedSecrets, resolveSecrets } from '../config/secrets.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../database/database.ts'
import { checkSchema, migrate } from '../database/migrator.ts'
import { type BootedVault, bootVault } from '../features/admin/vault-boot.ts'
import { createAudit } from '../features/audit/audit.ts'
import { isJournalHeld } from '../features/usage/journal-lock.ts'
import { systemClock } from '../kernel/clock.ts'
import { createLog, type Log } from '../kernel/log.ts'
import { revealSecret } from '../kernel/secret.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import { createKeyring, type Keyring } from '../vault/keyring.ts'
import { CommandFailed } from './command.ts'

/** Migrations and long copies take their time; nobody waits for an answer here. */
const STATEMENT_TIMEOUT_MS = 600_000
export const DATABASE_FILE = 'uniroute.db'

export interface Installation {
  readonly config: Config
  readonly database: Database
  readonly log: Log
  readSecrets(): ResolvedSecrets
  close(): Promise<void>
}

export function readConfig(): Config {
  return loadConfig(process.env, { cwd: process.cwd() })
}

/** The secrets as the server would read them; refuses what the server would refuse. */
export function readSecrets(config: Config): ResolvedSecrets {
  const databaseKind = config.databaseUrl === null ? 'sqlite' : 'postgres'
  return resolveSecrets(process.env, config.dataDir, {
    production: config.production,
    databaseKind,
    cwd: process.cwd(),
  })
}

/** Opens the database as it is. With `fresh` a missing one is made, and an older schema is brought up to date later. */
export async function openInstallation(options: { fresh?: boolean } = {}): Promise<Installation> {
  const config = readConfig()
  const secrets = (): ResolvedSecrets => readSecrets(config)
  const log = createLog({ level: 'warn' })
  if (options.fresh) mkdirSync(config.dataDir, { recursive: true, mode: 0o700 })
  const address = databaseOptionsOf(config)
  if (address === undefined && !options.fresh) {
    throw new StartRefused(`there is no installation in ${config.dataDir}. Look at DATA_DIR, or start UniRoute once`)
  }
  const database = await openDatabase({ ...(address ?? { file: join(config.dataDir, DATABASE_FILE) }), log })
  try {
    const state = await checkSchema(database)
    if (state !== 'current' && !options.fresh) {
      throw new StartRefused(
        state === 'empty'
          ? 'there is no installation here yet: the database is empty. Start UniRoute once, or look at DATA_DIR and DATABASE_URL'
          : 'the database belongs to an older UniRoute. Start this one once, which brings it up to date',
      )
    }
  } catch (error) {
    await database.close()
    throw error
  }
  return { config, database, log, readSecrets: secrets, close: () => database.close() }
}

/** Where the database is; undefined for a SQLite file that is not there yet, which opening would make. */
export function databaseOptionsOf(config: Config): DatabaseOptions | undefined {
  const statementTimeoutMs = STATEMENT_TIMEOUT_MS
  if (config.databaseUrl !== null) return { url: revealSecret(config.databaseUrl), statementTimeoutMs }
  const file = join(config.dataDir, DATABASE_FILE)
  return existsSync(file) ? { file, statementTimeoutMs } : undefined
}

/** The master keys that are given, for opening. */
export function createGivenKeyring(secrets: ResolvedSecrets): Keyring {
  if (secrets.current === null) {
    throw new StartRefused(
      'no master secret is given: set PROVIDER_KEY_ENCRYPTION_KEY, or restore DATA_DIR/master.key; nothing was changed',
    )
  }
  return createKeyring(secrets.current.value, secrets.old)
}

/** The vault as the server starts it: this process is an instance among others until `stop`. */
export async function bootOwnVault({ config, database, log, readSecrets: read }: Installation): Promise<BootedVault> {
  const booted = await bootVault({
    database,
    secrets: read(),
    dataDir: config.dataDir,
    clock: systemClock,
    log,
    migrate: async () => void (await migrate(database, { clock: systemClock, log })),
  })
  forgetSecrets(process.env, config)
  return booted
}

/** What the command line did, in the audit log: nobody is signed in there. */
export async function noteInAudit(database: Database, action: string, details: object): Promise<void> {
  await createAudit({ database, clock: systemClock }).record({
    actorType: 'system',
    actorId: null,
    ip: null,
    action,
    targetType: null,
    targetId: null,
    details,
  })
}

export function isServerRunning(config: Config): boolean {
  return isJournalHeld(join(config.dataDir, 'journal'))
}

export function demandStopped(config: Config): void {
  if (!isServerRunning(config)) return
  throw new CommandFailed(`A UniRoute is running on ${config.dataDir}. Stop it first; nothing was changed.`)
}
