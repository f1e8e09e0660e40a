// Brings the tables to the state this program needs: migrations/NNN_name.sql in order, each once.
// Invariants: a migration and its row in `schema_migrations` are one transaction, so a killed run leaves whole
// migrations behind and the next run goes on; each is applied under a lock, so of two processes one applies it and the
// other waits; a file that was changed after it was applied, and a database newer than this program, are refused
// before anything is written. `NNN_name.pg.sql` or `.sqlite.sql` replaces the plain file on that database.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { sql, type Transaction } from 'kysely'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { PACKAGE_ROOT } from '../kernel/package-root.ts'
import { StartRefused } from '../kernel/start-refused.ts'
import type { Database } from './database.ts'
import { splitStatements } from './internal/split-statements.ts'
import type { Schema } from './schema.ts'

export interface Migration {
  /** `NNN_name` */
  readonly name: string
  readonly checksum: string
  readonly statements: readonly string[]
}

export type SchemaState = 'empty' | 'current' | 'behind'

/** The schema is one that this program must not touch. The message says why and what to do; nothing was changed. */
export class SchemaError extends StartRefused {
  readonly reason: 'newer' | 'changed' | 'order'

  constructor(reason: 'newer' | 'changed' | 'order', message: string) {
    super(message)
    this.reason = reason
  }
}

export interface MigrateOptions {
  readonly clock: Clock
  readonly log: Log
  readonly migrations?: readonly Migration[]
  /** Called before each statement, commits included; tests stop the process here. */
  readonly beforeStatement?: (statement: string) => void
}

/** Long enough for any migration, one's own or the one another process is busy with. */
const LIMIT_MS = 30 * 60_000
/** Any constant that other users of the same PostgreSQL database are unlikely to lock. */
const ADVISORY_LOCK = 7_236_530_917

/** Applies what is missing. Rejects with SchemaError where the database is not this program's to change. */
export async function migrate(database: Database, options: MigrateOptions): Promise<{ applied: string[] }> {
  const migrations = options.migrations ?? readMigrations(database.kind)
  const applied: string[] = []
  // Without the lock first: a database that is up to date, or refused, is not written to.
  while ((await checkSchema(database, migrations)) !== 'current') {
    const name = await applyNext(database, migrations, options)
    if (name === undefined) continue
    applied.push(name)
    options.log.info({ migration: name }, 'migration applied')
  }
  return { applied }
}

/** Where the schema stands. Only reads; rejects with SchemaError where this program must not use it. */
export async function checkSchema(
  database: Database,
  migrations: readonly Migration[] = readMigrations(database.kind),
): Promise<SchemaState> {
  if (!(await hasLedger(database))) return migrations.length === 0 ? 'current' : 'empty'
  const done = await countApplied(database.query, migrations)
  if (done === migrations.length) return 'current'
  return done === 0 ? 'empty' : 'behind'
}

async function hasLedger(database: Database): Promise<boolean> {
  const found =
    database.kind === 'sqlite'
      ? await sql`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'`.execute(
          database.query,
        )
      : await sql`SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL`.execute(database.query)
  return found.rows.length > 0
}

/** How many of the migrations are applied; they are always the first ones. */
async function countApplied(
  query: Database['query'] | Transaction<Schema>,
  migrations: readonly Migration[],
): Promise<number> {
  const rows = await query.selectFrom('schema_migrations').select(['name', 'checksum']).orderBy('name').execute()
  const known = new Set(migrations.map(({ name }) => name))
  const unknown = rows.find(({ name }) => !known.has(name))
  if (unknown) {
    throw new SchemaError(
      'newer',
      `This database was set up by a newer UniRoute: it has the migration ${unknown.name}, which this version does not know. Nothing was changed. Start that version or a later one, or restore a backup made before the upgrade.`,
    )
  }
  for (const [index, { name, checksum }] of rows.entries()) {
    const migration = migrations[index]!
    if (migration.name !== name) {
      throw new SchemaError(
        'order',
        `The migration ${migration.name} is missing although the later ${name} was applied. Nothing was changed. Install a released version of UniRoute, or restore a backup.`,
      )
    }
    if (migration.checksum !== checksum) {
      throw new SchemaError(
        'changed',
        `The migration ${name} is not the one that was applied to this database: its file was changed afterwards. Nothing was changed. Restore the file; changes to the tables belong into a new migration.`,
      )
    }
  }
  return rows.length
}

/** Applies the next migration and returns its name; undefined where another process has done the rest meanwhile. */
async function applyNext(
  database: Database,
  migrations: readonly Migration[],
  { clock, beforeStatement }: MigrateOptions,
): Promise<string | undefined> {
  return database.transaction(
    async (tx) => {
      async function run(statement: string): Promise<void> {
        beforeStatement?.(statement)
        await sql.raw(statement).execute(tx)
      }
      // SQLite took its lock with BEGIN IMMEDIATE.
      if (database.kind === 'postgres') await run(`SELECT pg_advisory_xact_lock(${ADVISORY_LOCK})`)
      await run(
        'CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)',
      )
      const next = migrations[await countApplied(tx, migrations)]
      if (next) {
        for (const statement of next.statements) await run(statement)
        const { name, checksum } = next
        beforeStatement?.('INSERT INTO schema_migrations')
        await tx.insertInto('schema_migrations').values({ name, checksum, applied_at: clock.now() }).execute()
      }
      beforeStatement?.('COMMIT')
      return next?.name
    },
    { limitMs: LIMIT_MS },
  )
}

const FILE_NAME = /^(\d{3}_[a-z0-9_]+)(?:\.(pg|sqlite))?\.sql$/

/** The migrations of a folder for one kind of database, in order. */
export function readMigrations(
  kind: Database['kind'],
  folder: URL = new URL('server/database/migrations/', PACKAGE_ROOT),
): Migration[] {
  const wanted = kind === 'postgres' ? 'pg' : 'sqlite'
  const files = new Map<string, string | undefined>()
  for (const file of readdirSync(folder).toSorted()) {
    const [, name, suffix] = FILE_NAME.exec(file) ?? []
    if (name === undefined) throw new Error(`The migration file ${file} is not named NNN_name.sql.`)
    // The file for this kind of database wins over the plain one, whichever is listed first.
    const isFitting = suffix === wanted || (suffix === undefined && files.get(name) === undefined)
    if (isFitting || !files.has(name)) files.set(name, isFitting ? file : undefined)
  }
  const names = [...files.keys()].toSorted()
  for (const [index, name] of names.entries()) {
    if (name.slice(0, 3) === names[index - 1]?.slice(0, 3)) {
      throw new Error(`The migrations ${names[index - 1]} and ${name} have the same number.`)
    }
  }
  return names.map((name) => {
    const file = files.get(name)
    if (file === undefined) throw new Error(`The migration ${name} has no file for ${kind}: add ${name}.${wanted}.sql.`)
    const text = readFileSync(new URL(file, folder), 'utf8').replaceAll('\r\n', '\n')
    return { name, checksum: createHash('sha256').update(text).digest('hex'), statements: splitStatements(text) }
  })
}
